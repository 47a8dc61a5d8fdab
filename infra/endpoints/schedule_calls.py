"""The request that Azure sends for a schedule, the same that `runner score --scheduled` sends.

Azure documents no form for it: `endpointInvocationDefinition` may be any object. So it holds the
endpoint, the deployment if one is named, and what the scoring interface is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.pins import is_pinned
from infra.problem_at import ProblemAt
from runner.declarations import AssetReference, Catalog, Data, Problem, WrongUsage, parse_reference
from runner.declarations.catalog import ENDPOINTS
from runner.declarations.schedule import Schedule
from runner.declarations.scheduling import key_of, scheduled, scheduled_deployment
from runner.declarations.scoring_request import address_type, model_input, wire_settings

_ADDRESSES = ("https://", "azureml://datastores/")
_TYPES = ("uri_file", "uri_folder")


@dataclass(frozen=True)
class Scheduled:
    """A schedule of an endpoint, and the deployment that it asks."""

    endpoint: str
    schedule: Schedule
    deployment: str

    @property
    def name(self) -> str:
        """Return its name in the workspace; no endpoint has an underscore in its own."""
        return f"{self.endpoint}_{self.schedule.name}"


def schedules_of(catalog: Catalog, endpoint: str) -> Iterator[Scheduled]:
    """Yield an endpoint's schedules by name, but only those whose deployment is pinned."""
    for name, schedule in sorted(catalog.schedules.get(endpoint, {}).items()):
        deployment = scheduled_deployment(catalog, endpoint, schedule)
        assert deployment is not None, f"{name} is checked with the catalog"
        if is_pinned(catalog.batch_deployments[endpoint][deployment]):
            yield Scheduled(endpoint, schedule, deployment)


def call_of(found: Scheduled, catalog: Catalog, workspace_id: str) -> dict[str, Any]:
    """Return the request: `deploymentName`, if any, and the body of the scoring interface."""
    endpoint, schedule = found.endpoint, found.schedule
    declared = catalog.batch_deployments[endpoint][found.deployment]
    changed = schedule.settings.values if schedule.settings else {}
    settings = wire_settings(scheduled(declared, schedule), changed)
    uri, type_ = _input(_text(catalog, endpoint, schedule), schedule, catalog.data)
    if isinstance(uri, AssetReference):
        uri = f"{workspace_id}/data/{uri.name}/versions/{uri.version}"
    default = catalog.batch_endpoints[endpoint].defaults.deployment_name
    named = schedule.deployment or (None if default else found.deployment)
    return {
        **({"deploymentName": named} if named else {}),
        "properties": {"inputData": model_input(uri, type_), **settings},
    }


def unschedulable(catalog: Catalog, stack: Path) -> Iterator[Problem]:
    """Yield the problems of schedules whose input Azure could not find."""
    for endpoint, schedules in catalog.schedules.items():
        for schedule in schedules.values():
            text = _text(catalog, endpoint, schedule)
            try:
                _input(text, schedule, catalog.data)
            except WrongUsage as error:
                problem = ProblemAt(stack, schedule, key_of(endpoint, schedule))
                yield problem(str(error), "input")


def data_pins(catalog: Catalog) -> Iterator[tuple[AssetReference, Scheduled]]:
    """Yield the versions of data that schedules read, with the schedule of each."""
    for endpoint in catalog.schedules:
        for found in schedules_of(catalog, endpoint):
            text = _text(catalog, endpoint, found.schedule)
            uri, _ = _input(text, found.schedule, catalog.data)
            if isinstance(uri, AssetReference):
                yield uri, found


def _text(catalog: Catalog, endpoint: str, schedule: Schedule) -> str | None:
    """Return the input as `runner score` finds it: of the schedule, the endpoint or the folder."""
    declared = catalog.batch_endpoints[endpoint]
    beside = catalog.data_beside(declared)
    latest = f"azureml:{beside.name}@latest" if beside else None
    return schedule.input or declared.input or latest


def _input(text: str | None, schedule: Schedule, declared: Mapping[str, Data]) -> tuple[Any, Any]:
    """Return the address or exact reference that Azure reads, and its type. Raises WrongUsage."""
    allowed = (
        "allowed on Azure: azureml:NAME:VERSION, azureml://datastores/NAME/paths/PATH (where each"
        " day's data may be put) or an https address"
    )
    if text is None:
        raise WrongUsage(f"missing, and {ENDPOINTS} names no input for the endpoint, {allowed}")
    if text.startswith(_ADDRESSES):
        return text, address_type(text, schedule.input_type)
    reference = parse_reference(text, "data") if text.startswith("azureml:") else None
    if reference is None or reference.registry or reference.workspace:
        raise WrongUsage(f"found {text!r}, {allowed}")
    if not reference.exact:
        raise WrongUsage(
            f"found {text!r}, and no schedule of Azure looks up which version is the latest,"
            f" {allowed}"
        )
    known = declared[reference.name].type if reference.name in declared else None
    type_ = schedule.input_type or known
    if type_ is None:
        raise WrongUsage(
            f"found {text!r}, whose type is not declared under models/, allowed beside it:"
            f" input_type: {' or '.join(_TYPES)}"
        )
    if type_ not in _TYPES or known not in (None, type_):
        raise WrongUsage(f"found {text!r}, which is of type {known}, allowed: {', '.join(_TYPES)}")
    return reference, type_
