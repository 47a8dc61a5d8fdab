"""Reads what one environment changes, `Pulumi.<env>.yaml`, and lays it over the declarations."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from runner.declarations.batch import (
    BatchDeployment,
    BatchEndpoint,
    batch_deployment_from,
    batch_endpoint_from,
    nest_settings,
)
from runner.declarations.catalog import (
    ENDPOINTS,
    Catalog,
    inconsistencies,
    sorted_problems,
    undeclared,
)
from runner.declarations.document import (
    ListNode,
    MappingNode,
    Node,
    ScalarKind,
    ScalarNode,
    mapping,
    read_document,
)
from runner.declarations.kinds import Declaration
from runner.declarations.merging import merge
from runner.declarations.online import (
    OnlineDeployment,
    OnlineEndpoint,
    online_deployment_from,
    online_endpoint_from,
)
from runner.declarations.pipeline_deployment import (
    PipelineDeployment,
    pipeline_deployment_from,
)
from runner.declarations.problem import DeclarationError, Place, Problem, refusal
from runner.declarations.reader import joined, plain, read_list, read_str, refused
from runner.declarations.references import AssetReference, read_data_input
from runner.declarations.schedule import Schedule, read_schedules
from runner.declarations.scheduling import unscheduled
from runner.nearest import nearest
from runner.venvs.interpreter import ENV_MANAGERS, EnvManager

LOCATION = "azure-native:location"
DEFAULT_ENDPOINT = "scoring:defaultEndpoint"
ENV_MANAGER = "scoring:envManager"  # what makes declared environments on this machine
MODELS = "scoring:models"  # the folders of models/ whose endpoints an environment has
PLATFORM = "scoring:platform"
STACK_PLATFORMS = ("azureml", "databricks")  # the first is that of a stack that names none

FIXED = ("name", "endpoint_name", "type", "$schema")
# The keys that are fields of `Stack`.
_READ = frozenset({LOCATION, DEFAULT_ENDPOINT, ENDPOINTS, MODELS, ENV_MANAGER})

T = TypeVar("T")


@dataclass(frozen=True)
class EndpointOverlay:
    """A stack's changes to one endpoint, in the declaration's own keys and not yet checked."""

    place: Place  # of the endpoint's name
    endpoint: MappingNode
    deployments: MappingNode
    input: str | None = None
    schedules: Mapping[str, Schedule] = field(default_factory=dict)


@dataclass(frozen=True)
class Stack:
    """One environment's settings. Secrets are left out of `config`."""

    file: Path
    name: str
    location: str | None = None
    default_endpoint: str | None = None
    endpoints: Mapping[str, EndpointOverlay] = field(default_factory=dict)
    models: tuple[str, ...] | None = None  # None: of all folders
    env_manager: EnvManager | None = None
    config: Mapping[str, Any] = field(default_factory=dict)  # every other key, as it stands
    places: Mapping[str, Place] = field(default_factory=dict, repr=False, compare=False)  # of keys

    def place_of(self, key: str) -> Place:
        """Return the line of a key; of one that is not in the file the file as a whole."""
        return self.places.get(key) or Place(self.file, 0)


def read_config(file: Path, given: Mapping[str, str] | None = None) -> MappingNode:
    """Read the `config` of `Pulumi.<env>.yaml`. Raises DeclarationError.

    `given` is the configuration as Pulumi hands it to a program, every value as text or JSON. It
    may come from elsewhere (another file, an environment of Pulumi's): where it says other than
    the file, it counts, and its problems have no line. The file may then be missing.
    """
    if given and not file.exists():
        top = mapping(Place(file.absolute(), 0), {}, {})
    else:
        top = read_document(file, may_be_empty=True)
    return _with_given(_mapping(top, "config", "config"), given or {}, file.absolute())


def read_platform(file: Path) -> str:
    """Return the platform of the stack of `Pulumi.<env>.yaml`. Raises DeclarationError."""
    return platform_from(read_config(file))


def platform_from(config: MappingNode) -> str:
    """Return the platform of a stack by its configuration. Raises DeclarationError."""
    node = config.entries.get(PLATFORM)
    if node is None:
        return STACK_PLATFORMS[0]
    platform = read_str(node, PLATFORM)
    if platform not in STACK_PLATFORMS:
        raise refused(node, PLATFORM, ", ".join(STACK_PLATFORMS))
    return platform


def read_stack(file: Path) -> Stack:
    """Read `Pulumi.<env>.yaml`. Raises DeclarationError.

    Pulumi's own keys beside `config` are ignored. The overlays of endpoints are checked by
    `lay_over`, which knows the declarations.
    """
    return stack_from(read_config(file), file)


def stack_from(config: MappingNode, file: Path) -> Stack:
    """Read a stack from its configuration. Raises DeclarationError."""
    problems: list[Problem] = []

    def take(key: str, read: Callable[[Node, str], Any], absent: Any) -> Any:
        node = config.entries.get(key)
        try:
            return absent if node is None else read(node, key)
        except DeclarationError as error:
            problems.extend(error.problems)
            return absent

    endpoints = take(ENDPOINTS, _endpoints, {})
    stack = Stack(
        file=file.absolute(),
        name=file.stem.partition(".")[2] or file.stem,
        location=take(LOCATION, read_str, None),
        default_endpoint=take(DEFAULT_ENDPOINT, read_str, None),
        endpoints=endpoints,
        models=take(MODELS, lambda node, key: read_list(node, str, key), None),
        env_manager=take(ENV_MANAGER, _env_manager, None),
        config={
            key: plain(_without_secrets(node))
            for key, node in config.entries.items()
            if key not in _READ and not is_secret(node)
        },
        places=config.key_places,
    )
    if problems:
        raise DeclarationError(sorted_problems(problems))
    return stack


def lay_over(catalog: Catalog, stack: Stack) -> Catalog:
    """Return the catalog as one environment has it: the stack's values over the declared ones.

    Mappings are merged key by key, as `merge` has it; scalars and lists are replaced. Every merged
    declaration is read again, so a value from the stack is checked like a declared one, and a
    problem names the line of the stack file. Raises DeclarationError with all of them.
    """
    whole = catalog
    catalog, problems = _chosen(catalog, stack)
    batch_endpoints = dict(catalog.batch_endpoints)
    batch_deployments = _copied(catalog.batch_deployments)
    pipelines = _copied(catalog.pipeline_deployments)
    online_endpoints = dict(catalog.online_endpoints)
    online_deployments = _copied(catalog.online_deployments)
    for name, overlay in stack.endpoints.items():
        try:
            if name in batch_endpoints:
                batch_endpoints[name] = _over_batch(batch_endpoints[name], overlay)
            elif name in online_endpoints:
                online_endpoints[name] = _over_online(online_endpoints[name], overlay)
            else:
                known = [*batch_endpoints, *online_endpoints]
                key = joined(ENDPOINTS, name)
                problems.append(
                    _left_out(whole, name, overlay.place, key)
                    or undeclared(overlay.place, key, "endpoint", name, known)
                )
                continue
        except DeclarationError as error:
            problems.extend(error.problems)
        behind: list[dict[str, Any]] = [
            kind.get(name, {}) for kind in (batch_deployments, pipelines, online_deployments)
        ]
        problems += _over_deployments(name, behind, overlay)
    laid = replace(
        catalog,
        batch_endpoints=batch_endpoints,
        batch_deployments=batch_deployments,
        pipeline_deployments=pipelines,
        online_endpoints=online_endpoints,
        online_deployments=online_deployments,
        schedules={
            name: overlay.schedules
            for name, overlay in stack.endpoints.items()
            if overlay.schedules
        },
        default_endpoint=stack.default_endpoint,
        env_manager=stack.env_manager,
    )
    default = stack.default_endpoint
    if default is not None and default not in batch_endpoints:
        place = stack.place_of(DEFAULT_ENDPOINT)
        problems.append(
            _left_out(replace(whole, online_endpoints={}), default, place, DEFAULT_ENDPOINT)
            or undeclared(place, DEFAULT_ENDPOINT, "batch endpoint", default, batch_endpoints)
        )
    if not problems:
        problems = [*inconsistencies(laid), *unscheduled(laid)]
    if problems:
        raise DeclarationError(sorted_problems(problems))
    return laid


def _copied(behind: Mapping[str, Mapping[str, T]]) -> dict[str, dict[str, T]]:
    return {name: dict(declared) for name, declared in behind.items()}


def unknown_key(place: Place, key: str, known: Iterable[str]) -> Problem:
    """Return the problem of a key that is none of the known ones."""
    return Problem(place, key, "unknown key" + nearest(key, known))


def model_folder(catalog: Catalog, endpoint: str) -> str | None:
    """Return the model folder that declares an endpoint; None where none does."""
    declared = catalog.batch_endpoints.get(endpoint) or catalog.online_endpoints.get(endpoint)
    return declared.file.parent.name if declared else None


def _left_out(catalog: Catalog, endpoint: str, place: Place, key: str) -> Problem | None:
    """Return the problem of an endpoint whose model folder the stack does not name, if it is one.

    Asked only of an endpoint that the stack does not have.
    """
    folder = model_folder(catalog, endpoint)
    if folder is None:
        return None
    return Problem(place, key, f"{MODELS} leaves {endpoint!r} out: add {folder!r} to it")


def _chosen(catalog: Catalog, stack: Stack) -> tuple[Catalog, list[Problem]]:
    """Return the catalog with the endpoints of the stack's models alone, and their problems."""
    if stack.models is None:
        return catalog, []
    every = {**catalog.batch_endpoints, **catalog.online_endpoints}
    folders = {endpoint.file.parent.name for endpoint in every.values()}
    problems = [
        undeclared(stack.place_of(MODELS), MODELS, "endpoint of a model folder", name, folders)
        for name in stack.models
        if name not in folders
    ]
    left = {name for name, endpoint in every.items() if endpoint.file.parent.name in stack.models}

    def only(found: Mapping[str, T]) -> dict[str, T]:
        return {name: value for name, value in found.items() if name in left}

    chosen = replace(
        catalog,
        batch_endpoints=only(catalog.batch_endpoints),
        batch_deployments=only(catalog.batch_deployments),
        pipeline_deployments=only(catalog.pipeline_deployments),
        online_endpoints=only(catalog.online_endpoints),
        online_deployments=only(catalog.online_deployments),
    )
    return chosen, problems


def _over_batch(endpoint: BatchEndpoint, overlay: EndpointOverlay) -> BatchEndpoint:
    key = joined(ENDPOINTS, endpoint.name)
    _refuse_fixed(overlay.endpoint, key)
    laid = batch_endpoint_from(merge(endpoint.source, overlay.endpoint), key)
    return replace(laid, input=overlay.input or endpoint.input)


def _over_online(endpoint: OnlineEndpoint, overlay: EndpointOverlay) -> OnlineEndpoint:
    key = joined(ENDPOINTS, endpoint.name)
    _refuse_fixed(overlay.endpoint, key)
    for name in ("input", "schedules"):
        if getattr(overlay, name):
            raise refusal(overlay.place, joined(key, name), "allowed: on batch endpoints only")
    return online_endpoint_from(merge(endpoint.source, overlay.endpoint), key)


def _over_deployments(
    endpoint: str, behind: Sequence[dict[str, Any]], overlay: EndpointOverlay
) -> Iterable[Problem]:
    """Lay a stack's deployments over the declared ones in place, and yield what is wrong.

    `behind` are the endpoint's deployments of each kind, by name.
    """
    for name, node in overlay.deployments.entries.items():
        key = joined(ENDPOINTS, endpoint, "deployments", name)
        kind = next((declared for declared in behind if name in declared), None)
        if kind is None:
            place = overlay.deployments.key_places[name]
            yield undeclared(place, key, "deployment", name, chain.from_iterable(behind))
            continue
        try:
            kind[name] = _over_deployment(kind[name], node, key)
        except DeclarationError as error:
            yield from error.problems


def _over_deployment(
    declared: BatchDeployment | OnlineDeployment | PipelineDeployment, node: Node, key: str
) -> Declaration:
    if not isinstance(node, MappingNode):
        raise refused(node, key, "a mapping of the deployment's keys")
    _refuse_fixed(node, key)
    if isinstance(declared, PipelineDeployment):
        return pipeline_deployment_from(merge(declared.source, node), key)
    laid: BatchDeployment | OnlineDeployment
    if isinstance(declared, BatchDeployment):
        laid = batch_deployment_from(merge(declared.source, nest_settings(node, key)), key)
    else:
        laid = online_deployment_from(merge(declared.source, node), key)
    exact = isinstance(laid.model, AssetReference) and laid.model.exact
    return replace(laid, pinned=exact if "model" in node.entries else declared.pinned)


def _refuse_fixed(node: MappingNode, key: str) -> None:
    problems = [
        Problem(
            node.key_places[name],
            joined(key, name),
            "is the same in every environment, allowed: the declaration's other keys",
        )
        for name in FIXED
        if name in node.entries
    ]
    if problems:
        raise DeclarationError(problems)


def _env_manager(node: Node, key: str) -> EnvManager:
    asked = read_str(node, key)
    for manager in ENV_MANAGERS:
        if asked == manager:
            return manager
    raise refusal(node.place, key, f"there is no {asked!r}" + nearest(asked, ENV_MANAGERS))


def _endpoints(node: Node, key: str) -> dict[str, EndpointOverlay]:
    if _is_null(node) or (isinstance(node, ScalarNode) and not node.text):
        return {}  # nothing, which Pulumi writes as an empty text
    if not isinstance(node, MappingNode) or is_secret(node):
        raise refused(node, key, "a mapping of endpoints by name")
    overlays: dict[str, EndpointOverlay] = {}
    problems: list[Problem] = []
    for name, entry in node.entries.items():
        try:
            overlays[name] = _endpoint(entry, joined(key, name), node.key_places[name])
        except DeclarationError as error:
            problems.extend(error.problems)
    if problems:
        raise DeclarationError(problems)
    return overlays


def _endpoint(node: Node, key: str, place: Place) -> EndpointOverlay:
    if not isinstance(node, MappingNode):
        raise refused(node, key, "a mapping of the endpoint's keys")
    if _has_secret(node):
        raise refusal(place, key, "found a secret, allowed: plain values")
    deployments = _mapping(node, "deployments", joined(key, "deployments"))
    given, scheduled = node.entries.get("input"), node.entries.get("schedules")
    return EndpointOverlay(
        place,
        node.without("deployments", "input", "schedules"),
        deployments,
        None if given is None else read_data_input(given, joined(key, "input")),
        {} if scheduled is None else read_schedules(scheduled, joined(key, "schedules")),
    )


def _mapping(node: MappingNode, name: str, key: str) -> MappingNode:
    """Return the mapping under a key; an absent key and one with nothing behind it are empty."""
    value = node.entries.get(name)
    if value is None or _is_null(value):
        return mapping(node.place, {}, {})
    if not isinstance(value, MappingNode):
        raise refused(value, key, "a mapping of keys to values")
    return value


def _with_given(config: MappingNode, given: Mapping[str, str], file: Path) -> MappingNode:
    place = Place(file, 0)
    entries = dict(config.entries)
    places = dict(config.key_places)
    for key, text in given.items():
        written = entries.get(key)
        if written is None or not (_has_secret(written) or _says(written, text)):
            entries[key], places[key] = _given_node(text, place), place
    return mapping(config.place, entries, places)


def _says(node: Node, text: str) -> bool:
    """Return whether a value of the file is the one that Pulumi hands on."""
    if isinstance(node, ScalarNode) and node.text == text:
        return True
    if _is_null(node) and not text:
        return True
    return _parsed(text) == (True, plain(node))


def _given_node(text: str, place: Place) -> Node:
    """Return a value of Pulumi's as a tree: mappings and lists are JSON, all else is text."""
    _, value = _parsed(text)
    return _node(value if isinstance(value, (dict, list)) else text, place)


def _parsed(text: str) -> tuple[bool, Any]:
    import json

    try:
        return True, json.loads(text)
    except ValueError:
        return False, None


def _node(value: Any, place: Place) -> Node:
    """Return a JSON value as a tree, all of it at one place."""
    if isinstance(value, dict):
        entries = {key: _node(entry, place) for key, entry in value.items()}
        return mapping(place, entries, dict.fromkeys(entries, place))
    if isinstance(value, list):
        items = tuple(_node(item, place) for item in value)
        return ListNode(place, items, 1 + sum(item.size for item in items))
    kinds: Mapping[type, ScalarKind] = {bool: "bool", int: "int", float: "float"}
    if value is None:
        return ScalarNode(place, "", "null")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return ScalarNode(place, text, kinds.get(type(value), "text"))


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.kind == "null"


def is_secret(node: Node) -> bool:
    """Return whether a value of a stack file is encrypted."""
    return isinstance(node, MappingNode) and "secure" in node.entries


def _has_secret(node: Node) -> bool:
    if isinstance(node, MappingNode):
        return is_secret(node) or any(_has_secret(item) for item in node.entries.values())
    return isinstance(node, ListNode) and any(_has_secret(item) for item in node.items)


def _without_secrets(node: Node) -> Node:
    if isinstance(node, MappingNode):
        kept = {
            key: _without_secrets(entry)
            for key, entry in node.entries.items()
            if not is_secret(entry)
        }
        return mapping(node.place, kept, node.key_places)
    if isinstance(node, ListNode):
        items = tuple(_without_secrets(item) for item in node.items if not is_secret(item))
        return ListNode(node.place, items, 1 + sum(item.size for item in items))
    return node
