"""Writes the inputs of a call to a pipeline that is deployed to a batch endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runner.azureml.endpoints import component_of
from runner.azureml.inputs import find_input
from runner.errors import WrongUsage
from runner.invocation.pipeline import Taken, asked_inputs, literal

if TYPE_CHECKING:
    from runner.assets.registering import Registrar
    from runner.azureml.connection import Connection
    from runner.declarations import Catalog
    from runner.invocation.request import Request
    from runner.workspace import Invocation

_DATA = {"uri_file": "UriFile", "uri_folder": "UriFolder"}


@dataclass(frozen=True)
class Given:
    """The inputs of a call."""

    body: Mapping[str, Mapping[str, Any]]
    shown: str | None  # the first data among them, as it was asked for
    notices: tuple[str, ...]


def get_component(connection: Connection, request: Request) -> Taken:
    """Return the inputs and outputs of the component that a request's deployment runs.

    Raises WrongUsage where it runs a model, and for a registry's component, which can't be read.
    """
    endpoint = connection.actual_name(request.endpoint)
    path = ("batchEndpoints", endpoint, "deployments", request.deployment)
    asset = component_of(connection.arm.get(*path))
    if asset is None:
        raise WrongUsage(
            f"deployment {request.deployment!r} of endpoint {request.endpoint!r} runs a model,"
            " which takes one input: give --data in place of --inputs"
        )
    _, _, place = asset.partition(f"{connection.outputs.workspace}/components/")
    name, _, version = place.partition("/versions/")
    if not version:
        raise WrongUsage(
            f"the inputs of {asset} can't be read, which lies elsewhere: share the component with"
            f" workspace {connection.outputs.workspace!r} and pin that"
        )
    found = connection.arm.get("components", name, "versions", version)
    spec = found["properties"]["componentSpec"]
    return Taken(f"{name}:{version}", spec.get("inputs") or {}, spec.get("outputs") or {})


def find_inputs(
    connection: Connection,
    catalog: Catalog,
    taken: Taken,
    request: Request,
    invocation: Invocation,
    assets: Registrar,
) -> Given:
    """Return the inputs that are asked for, checked against those that the component declares.

    Raises WrongUsage for inputs that are unknown, missing or of another type, and as `find_input`.
    """
    body: dict[str, Mapping[str, Any]] = {}
    shown: str | None = None
    notices: tuple[str, ...] = ()
    for name, text in asked_inputs(taken, invocation.inputs, request.data).items():
        if taken.is_data(name):
            type_ = taken.type_of(name)
            found = find_input(connection, catalog, text, type_, assets)
            body[name] = {"jobInputType": _DATA[type_], "uri": found.uri}
            shown, notices = shown or found.shown, (*notices, *found.notices)
        else:
            body[name] = {"jobInputType": "Literal", "value": literal(taken, name, text)}
    return Given(body, shown, notices)
