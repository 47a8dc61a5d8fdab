"""Finds the deployment that a schedule asks, and checks whether it takes what the schedule says."""

from collections.abc import Iterator
from dataclasses import replace

from runner.declarations.batch import (
    BatchDeployment,
    batch_deployment_from,
    nest_settings,
)
from runner.declarations.catalog import ENDPOINTS, Catalog, undeclared
from runner.declarations.document import mapping
from runner.declarations.merging import merge
from runner.declarations.problem import DeclarationError, Problem
from runner.declarations.schedule import Schedule


def scheduled_deployment(catalog: Catalog, endpoint: str, schedule: Schedule) -> str | None:
    """Return the deployment that a schedule names, else its endpoint's default or only one.

    None where that leaves open which one is meant.
    """
    declared = catalog.batch_names(endpoint)
    default = catalog.batch_endpoints[endpoint].defaults.deployment_name
    only = declared[0] if len(declared) == 1 else None
    return schedule.deployment or default or only


def scheduled(deployment: BatchDeployment, schedule: Schedule, key: str = "") -> BatchDeployment:
    """Return the deployment with a schedule's settings. Raises DeclarationError."""
    if schedule.settings is None:
        return deployment
    node = schedule.settings.source
    over = mapping(node.place, {"settings": node}, {"settings": node.place})
    laid = batch_deployment_from(merge(deployment.source, nest_settings(over)), key)
    return replace(laid, pinned=deployment.pinned)


def unscheduled(catalog: Catalog) -> Iterator[Problem]:
    """Yield the problems of schedules that can't be what they say."""
    for endpoint, schedules in catalog.schedules.items():
        for schedule in schedules.values():
            yield from _problems(catalog, endpoint, schedule, key_of(endpoint, schedule))


def key_of(endpoint: str, schedule: Schedule) -> str:
    """Return the key of a schedule in its stack file."""
    return f"{ENDPOINTS}.{endpoint}.schedules.{schedule.name}"


def _problems(catalog: Catalog, endpoint: str, schedule: Schedule, key: str) -> Iterator[Problem]:
    declared = catalog.batch_names(endpoint)
    name = scheduled_deployment(catalog, endpoint, schedule)
    place = schedule.source.key_places.get("deployment", schedule.source.place)
    if name is None:
        text = "the endpoint has no default, allowed: the deployment that is asked"
        yield Problem(place, f"{key}.deployment", text)
    elif name not in declared:
        yield undeclared(place, f"{key}.deployment", "deployment", name, declared)
    elif name in catalog.pipeline_deployments.get(endpoint, {}):
        text = f"{name} runs a pipeline, allowed: a deployment of a model"
        yield Problem(place, f"{key}.deployment", text)
    else:
        try:
            scheduled(catalog.batch_deployments[endpoint][name], schedule, key)
        except DeclarationError as error:
            yield from error.problems
