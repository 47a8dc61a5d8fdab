"""What a call gives to a pipeline of a batch endpoint, checked by what its component takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runner.azureml.endpoints import component_of
from runner.azureml.inputs import find_input
from runner.errors import WrongUsage
from runner.nearest import nearest

if TYPE_CHECKING:
    from runner.azureml.connection import Connection
    from runner.declarations import Catalog
    from runner.registering import Registrar
    from runner.request import Request
    from runner.workspace import Invocation

_DATA = {"uri_file": "UriFile", "uri_folder": "UriFolder"}
_NUMBERS: Mapping[str, Callable[[str], int | float]] = {"integer": int, "number": float}
_LITERALS = ("string", "boolean", "enum", *_NUMBERS)


@dataclass(frozen=True)
class Component:
    """A pipeline component: what it takes and what it writes, by name."""

    name: str  # for messages
    inputs: Mapping[str, Mapping[str, Any]]
    outputs: Mapping[str, Mapping[str, Any]]

    @property
    def data(self) -> list[str]:
        """The names of its inputs that are files."""
        return [name for name, one in self.inputs.items() if one.get("type") in _DATA]


@dataclass(frozen=True)
class Given:
    """The inputs of one call."""

    body: Mapping[str, Mapping[str, Any]]
    shown: str | None  # the first that is data, as it was asked for
    notices: tuple[str, ...]


def find_component(connection: Connection, request: Request) -> Component:
    """The component that a request's deployment runs.

    Raises WrongUsage where it runs a model, and for one of a registry, which can't be read here.
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
    return Component(f"{name}:{version}", spec.get("inputs") or {}, spec.get("outputs") or {})


def find_inputs(
    connection: Connection,
    catalog: Catalog,
    component: Component,
    request: Request,
    invocation: Invocation,
    assets: Registrar,
) -> Given:
    """What is asked for, checked by what the component takes; data is found as a model's is.

    Raises WrongUsage for inputs that it hasn't, lacks or takes otherwise, and as `find_input`.
    """
    asked = dict(invocation.inputs)
    if request.data:
        asked = {_only_data(component, asked): request.data, **asked}
    _check_names(component, asked)
    body: dict[str, Mapping[str, Any]] = {}
    shown: str | None = None
    notices: tuple[str, ...] = ()
    for name, text in asked.items():
        type_ = str(component.inputs[name].get("type"))
        if type_ in _DATA:
            found = find_input(connection, catalog, text, type_, assets)
            body[name] = {"jobInputType": _DATA[type_], "uri": found.uri}
            shown, notices = shown or found.shown, (*notices, *found.notices)
        elif type_ in _LITERALS:
            body[name] = {"jobInputType": "Literal", "value": _literal(name, type_, text)}
        else:
            known = ", ".join((*_DATA, *_LITERALS))
            raise WrongUsage(f"input {name!r} of {component.name} is a {type_}, allowed: {known}")
    return Given(body, shown, notices)


def _only_data(component: Component, asked: Mapping[str, str]) -> str:
    """The one input that --data means."""
    free = [name for name in component.data if name not in asked]
    if len(free) != 1:
        raise WrongUsage(
            f"--data means the only input of {component.name} that is data, and there are"
            f" {', '.join(free) or 'none'}: give --inputs NAME=VALUE"
        )
    return free[0]


def _check_names(component: Component, asked: Mapping[str, str]) -> None:
    for name in asked:
        if name not in component.inputs:
            hint = nearest(name, component.inputs)
            raise WrongUsage(f"no input {name!r} of {component.name}{hint}")
    lacking = [
        name
        for name, one in component.inputs.items()
        if name not in asked and not one.get("optional") and one.get("default") is None
    ]
    if lacking:
        raise WrongUsage(
            f"{component.name} needs {', '.join(lacking)}: give --inputs {lacking[0]}=VALUE"
        )


def _literal(name: str, type_: str, text: str) -> str | int | float | bool:
    """A literal as azure-ai-ml sends it. Raises WrongUsage for no value of its type."""
    if type_ == "boolean":
        if text.lower() not in ("true", "false"):
            raise WrongUsage(f"input {name!r} is {text!r}, allowed: true or false")
        return text.lower() == "true"
    read = _NUMBERS.get(type_)
    if read is None:
        return text
    try:
        return read(text)
    except ValueError:
        raise WrongUsage(f"input {name!r} is {text!r}, allowed: {type_}") from None
