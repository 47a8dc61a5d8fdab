"""Finds the part of a project that a name means: an endpoint, a model, or a model's folder."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TypeVar

from runner.declarations import BatchDeployment, Catalog, OnlineDeployment
from runner.declarations.deployment import Deployment
from runner.errors import NotFound
from runner.nearest import nearest

D = TypeVar("D", BatchDeployment, OnlineDeployment)


def names_in(catalog: Catalog) -> frozenset[str]:
    """Return every name that `choose` takes."""
    folders = {model.file.parent.name for model in catalog.models.values()} | catalog.jobs.keys()
    endpoints = catalog.batch_endpoints.keys() | catalog.online_endpoints.keys()
    return frozenset(folders | endpoints | catalog.models.keys())


def choose(catalog: Catalog, name: str) -> Catalog:
    """Return what a name means, and what its deployments use; of a model also its deployments and
    the jobs that train it.

    Raises NotFound for a name that nothing has.
    """
    if name not in names_in(catalog):
        known = nearest(name, names_in(catalog))
        raise NotFound(f"no endpoint or model {name!r} is declared{known}")
    models = {key for key, model in catalog.models.items() if name in (key, model.file.parent.name)}
    batch = _deployments(catalog.batch_deployments, name, models)
    online = _deployments(catalog.online_deployments, name, models)
    groups: list[Mapping[str, Deployment]] = [*batch.values(), *online.values()]
    deployments = [deployment for group in groups for deployment in group.values()]
    used = models | {_model(deployment) for deployment in deployments}
    folders = {deployment.file.parent for deployment in deployments} | {catalog.folder / name}
    return replace(
        catalog,
        models={key: model for key, model in catalog.models.items() if key in used},
        data={key: data for key, data in catalog.data.items() if data.file.parent in folders},
        environments={
            key: environment
            for key, environment in catalog.environments.items()
            if environment.file.parent in folders
        },
        batch_deployments=batch,
        online_deployments=online,
        jobs={key: jobs for key, jobs in catalog.jobs.items() if key == name},
    )


def _deployments(
    declared: Mapping[str, Mapping[str, D]], endpoint: str, models: Collection[str]
) -> dict[str, dict[str, D]]:
    """Return the deployments of an endpoint, and those of one of the models."""
    return {
        name: {
            key: deployment
            for key, deployment in deployments.items()
            if name == endpoint or _model(deployment) in models
        }
        for name, deployments in declared.items()
    }


def _model(deployment: Deployment) -> str | None:
    return deployment.model.name if deployment.model is not None else None
