"""Declares batch endpoints and the deployments of models behind them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Literal

from runner.declarations.deployment import (
    EVERYWHERE,
    THIS_MACHINE,
    Compute,
    Deployment,
    Endpoint,
    Resources,
    Variables,
    Where,
    per_call,
)
from runner.declarations.document import MappingNode, Node, ScalarNode, describe, mapping
from runner.declarations.names import DeploymentName
from runner.declarations.problem import DeclarationError, Place, Problem, refusal
from runner.declarations.reader import SECONDS, Check, at_least, joined, read_record


def is_file_name(text: str) -> bool:
    """Return whether a text is a plain file name, safe to make in a folder on any system."""
    return (
        bool(text.strip())
        and text.isprintable()
        and not set(text) & set('/\\:*?"<>|')
        and text not in (".", "..")
        and len(text.encode()) <= 255
    )


@dataclass(frozen=True)
class RetrySettings:
    """The treatment of a mini-batch that raises or takes too long."""

    max_retries: Annotated[int, at_least(0)] = field(default=3, metadata=EVERYWHERE)
    # For one attempt at one mini-batch.
    timeout: Annotated[int, at_least(1), SECONDS] = field(default=30, metadata=EVERYWHERE)


@dataclass(frozen=True)
class BatchSettings:
    """The settings by which a batch job goes through its input. Defaults are Azure's.

    This and what it holds is the one list of settings: the keys of a deployment's flat form, what
    `--set` and a call on Azure may change, and what infra declares are derived from it.
    """

    # Files.
    mini_batch_size: Annotated[int, at_least(1)] = field(default=10, metadata=EVERYWHERE)
    # Processes.
    max_concurrency_per_instance: Annotated[int, at_least(1)] = field(
        default=1, metadata=THIS_MACHINE
    )
    retry_settings: RetrySettings = field(default_factory=RetrySettings)
    # Failed files tolerated; -1: all.
    error_threshold: Annotated[int, at_least(-1)] = field(default=-1, metadata=EVERYWHERE)
    output_action: Literal["append_row", "summary_only"] = field(
        default="append_row", metadata=THIS_MACHINE
    )
    output_file_name: Annotated[str, Check(is_file_name, "a plain file name")] = field(
        default="predictions.csv", metadata=EVERYWHERE
    )
    logging_level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    environment_variables: Variables = field(default_factory=dict)


@dataclass(frozen=True)
class BatchDefaults:
    """The deployment that answers when a call names none."""

    deployment_name: DeploymentName | None = None


@dataclass(frozen=True, kw_only=True)
class BatchEndpoint(Endpoint):
    """A batch endpoint, as the SDK's BatchEndpointSchema has it; `input` is a stack file's only."""

    auth_mode: Literal["aad_token"] = "aad_token"
    defaults: BatchDefaults = field(default_factory=BatchDefaults)
    input: str | None = field(default=None, metadata={"given": True})


@dataclass(frozen=True, kw_only=True)
class BatchDeployment(Deployment):
    """A batch deployment: the SDK's BatchDeploymentSchema and ModelBatchDeploymentSchema as one."""

    type: Literal["model"] = "model"
    compute: Compute | None = None
    resources: Resources = field(default_factory=Resources)
    settings: BatchSettings = field(default_factory=BatchSettings)


FLAT_KEYS = tuple(setting.name for setting in fields(BatchSettings))
PER_CALL: Mapping[str, Where] = dict((*per_call(BatchSettings), *per_call(Resources)))


def batch_endpoint_from(node: MappingNode, key: str = "") -> BatchEndpoint:
    """Read a batch endpoint. Raises DeclarationError."""
    return read_record(node, BatchEndpoint, key)


def batch_deployment_from(node: MappingNode, key: str = "") -> BatchDeployment:
    """Read a batch deployment in its nested, its flat or a mixed form. Raises DeclarationError."""
    deployment = read_record(nest_settings(node, key), BatchDeployment, key)
    if deployment.model is None and deployment.code_configuration is None:
        text = "missing, and required where there is no code_configuration"
        raise refusal(node.place, joined(key, "model"), text)
    return deployment


def nest_settings(node: MappingNode, key: str = "") -> MappingNode:
    """Move the flat form's settings under `settings`, and its instance count under `resources`.

    Raises DeclarationError where a setting stands in both places with different values.
    """
    settings = node.entries.get("settings")
    flat = {name: node.entries[name] for name in FLAT_KEYS if name in node.entries}
    entries = {name: value for name, value in node.entries.items() if name not in flat}
    places = dict(node.key_places)
    if settings is not None and not isinstance(settings, MappingNode):
        return node  # the reader says what is wrong with it
    place = node.place
    if settings is None and flat:
        place = node.key_places[next(iter(flat))]
    nested = settings if settings is not None else mapping(place, {}, {})
    nested = _unite(nested, mapping(place, flat, node.key_places), joined(key, "settings"))
    if "instance_count" in nested.entries:
        count_place = nested.key_places["instance_count"]
        count = {"instance_count": nested.entries["instance_count"]}
        resources = entries.get("resources", mapping(count_place, {}, {}))
        if isinstance(resources, MappingNode):
            counted = mapping(count_place, count, nested.key_places)
            entries["resources"] = _unite(resources, counted, joined(key, "resources"))
            places.setdefault("resources", count_place)
        nested = nested.without("instance_count")
    if settings is not None or nested.entries:
        entries["settings"] = nested
        places.setdefault("settings", place)
    return mapping(node.place, entries, places)


def _unite(nested: MappingNode, flat: MappingNode, key: str) -> MappingNode:
    """Unite both mappings; a leaf that stands in both must have the same value."""
    entries: dict[str, Node] = dict(nested.entries)
    places: dict[str, Place] = dict(nested.key_places)
    problems: list[Problem] = []
    for name, value in flat.entries.items():
        other = entries.get(name)
        if other is None:
            entries[name], places[name] = value, flat.key_places[name]
        elif isinstance(other, MappingNode) and isinstance(value, MappingNode):
            try:
                entries[name] = _unite(other, value, joined(key, name))
            except DeclarationError as error:
                problems.extend(error.problems)
        elif not _same(other, value):
            text = (
                f"found {describe(other)} here and {describe(value)} on line "
                f"{value.place.line}, allowed: one value"
            )
            problems.append(Problem(places[name], joined(key, name), text))
    if problems:
        raise DeclarationError(problems)
    return mapping(nested.place, entries, places)


def _same(first: Node, second: Node) -> bool:
    if isinstance(first, ScalarNode) and isinstance(second, ScalarNode):
        return (first.kind, first.text) == (second.kind, second.text)
    return False
