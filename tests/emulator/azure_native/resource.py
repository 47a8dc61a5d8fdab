"""One type's resources in two shapes: a program's inputs and outputs, and Resource Manager's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from tests.emulator.azure_native.resource_types import ENVELOPE, NAMES, TYPES, ResourceType
from tests.emulator.plugin.differences import carried, is_within
from tests.emulator.plugin.provider import UNKNOWN
from tests.emulator.plugin.sdk import Declared, Sdk

SDK = Sdk("pulumi_azure_native")

# Outputs that do not change with the resource, so that a preview may go by the old ones.
STABLE = ("location", "name")

# Inputs that a request has behind its path, and not in its body.
_IN_THE_ADDRESS = ("azureApiVersion", "skipValidation")
# Properties that the service adds to a resource, and no input has.
READ_ONLY = frozenset(
    {
        "allocationState",
        "allocationStateTransitionTime",
        "createdOn",
        "currentNodeCount",
        "isAttachedCompute",
        "modifiedOn",
        "nodeStateCounts",
        "provisioningErrors",
        "provisioningState",
        "scoringUri",
        "swaggerUri",
        "systemData",
        "targetNodeCount",
    }
)
_BESIDE = ENVELOPE | {"etag", "id", "name", "systemData", "type", "zones"}

Properties = Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """Everything known of a type, e.g. `azure-native:storage:StorageAccount`."""

    token: str
    type: ResourceType
    declared: Declared

    @property
    def nested(self) -> bool:
        """Return whether a program gives `properties` as one object, as Resource Manager has it."""
        return "properties" in self.declared.inputs

    @property
    def short(self) -> str:
        """Return the token without its package."""
        return self.token.partition(":")[2]


def kind_of(token: str) -> Kind:
    """Find a type by its token. Raises `LookupError` for one that the stand-in does not know."""
    _, _, short = token.partition(":")
    if short not in TYPES:
        raise LookupError(f"the azure-native stand-in does not know {token}; see resource_types.py")
    module, _, name = short.partition(":")
    return Kind(token, TYPES[short], SDK.declared(f"{module}/{name}"))


def problems(kind: Kind, inputs: Properties) -> list[tuple[str, str]]:
    """Say what is wrong with inputs, as (property, reason)."""
    found = []
    for name in sorted(kind.declared.required | set(kind.type.parameters)):
        if inputs.get(name) is None and name != "subscriptionId":
            hint = "; the stand-in makes up no names" if name in kind.type.parameters else ""
            found.append((name, f"missing required property {name!r}{hint}"))
    for name in sorted(inputs.keys() - kind.declared.inputs - {"azureApiVersion"}):
        found.append((name, f"unknown property {name!r}"))
    for name in kind.type.parameters:
        rule, value = NAMES.get(f"{kind.short}.{name}"), inputs.get(name)
        if rule and value not in (None, UNKNOWN) and not rule.fullmatch(str(value)):
            found.append((name, f"{value!r} does not match expression '^{rule.pattern}$'"))
    return found


def resource_id(kind: Kind, inputs: Properties, subscription: str) -> str:
    """Fill a type's path with the inputs that are part of it."""
    values = {"subscriptionId": subscription, **inputs}
    return kind.type.path.format(
        **{name: str(values[name]).strip("/") for name in kind.type.parameters}
    )


def body(kind: Kind, inputs: Properties) -> dict[str, Any]:
    """Put inputs into the shape Resource Manager takes them in."""
    outer: dict[str, Any] = {}
    inner: dict[str, Any] = {}
    for name, value in inputs.items():
        if name in kind.type.parameters or name in _IN_THE_ADDRESS:
            continue
        if name == "identity" and value.get("userAssignedIdentities"):
            # A program gives a list of ids, Resource Manager takes a map.
            value = {
                **value,
                "userAssignedIdentities": {
                    identity: {} for identity in value["userAssignedIdentities"]
                },
            }
        if name in kind.type.lists:
            value = [_outside_in(item) for item in value]
        if kind.nested or (name in ENVELOPE and name not in kind.type.inner):
            outer[name] = value
        else:
            inner[kind.type.renamed.get(name, name)] = value
    return outer if kind.nested or not inner else {**outer, "properties": inner}


def outputs(kind: Kind, answered: Properties) -> dict[str, Any]:
    """Put what Resource Manager answers into the shape of a program's outputs."""
    given = {name: value for name, value in answered.items() if name in _BESIDE}
    if kind.nested:
        given["properties"] = answered.get("properties") or {}
    else:
        sent = {theirs: ours for ours, theirs in kind.type.renamed.items()}
        for name, value in (answered.get("properties") or {}).items():
            if name in kind.type.lists:
                value = [{**item, **item.get("properties", {})} for item in value]
                value = [_without(item, "properties") for item in value]
            given.setdefault(sent.get(name, name), value)
    return {**given, "azureApiVersion": kind.declared.api_version}


def takes_a_new_resource(kind: Kind, path: str, old: Properties, new: Properties) -> bool:
    """Return whether a property that differs can't be changed in place."""
    if path == "location":
        return _place(old.get(path)) != _place(new.get(path))
    return is_within(path, *kind.type.parameters, *kind.type.immutable)


def previewed(kind: Kind, inputs: Properties, old: Properties | None = None) -> dict[str, Any]:
    """Say what is known of the outputs before the deployment: what was asked for, the rest not."""
    known = {name: value for name, value in inputs.items() if name in kind.declared.outputs}
    if "userAssignedIdentities" in known.get("identity", {}):
        # Azure answers who each of them is.
        known["identity"] = {**known["identity"], "userAssignedIdentities": UNKNOWN}
    elif "SystemAssigned" in known.get("identity", {}).get("type", ""):
        known["identity"] = {**known["identity"], "principalId": UNKNOWN}
    if kind.type.computed:
        computed = dict.fromkeys(kind.type.computed, UNKNOWN)
        known["properties"] = {**computed, **known.get("properties", {})}
    stable = {name: old[name] for name in STABLE if old and name in old}
    return {**dict.fromkeys(kind.declared.outputs, UNKNOWN), **known, **stable}


def drifted(kind: Kind, inputs: Properties, old: Properties, new: Properties) -> dict[str, Any]:
    """Carry into the inputs what changed between the outputs of then and of now."""
    return carried(inputs, _as_inputs(kind, old), _as_inputs(kind, new), READ_ONLY)


def imported(kind: Kind, identifier: str, answered: Properties) -> dict[str, Any]:
    """Make up the inputs that a resource which is there already could have had."""
    pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(kind.type.path))
    found = re.fullmatch(pattern, identifier, re.IGNORECASE)
    if found is None:
        raise LookupError(
            f"{identifier!r} is no id of {kind.token}; it looks like {kind.type.path}"
        )
    named = {name: unquote(value) for name, value in found.groupdict().items()}
    return {
        **_writable(_as_inputs(kind, outputs(kind, answered))),
        **{name: value for name, value in named.items() if name in kind.declared.inputs},
        "azureApiVersion": kind.declared.api_version,
    }


def _writable(given: Properties) -> dict[str, Any]:
    """Leave out what only the service says, however deep."""
    return {
        name: _writable(value) if isinstance(value, dict) else value
        for name, value in given.items()
        if name not in READ_ONLY
    }


def _as_inputs(kind: Kind, given: Properties) -> dict[str, Any]:
    names = kind.declared.inputs - {"id", *kind.type.parameters}
    chosen = {name: value for name, value in given.items() if name in names}
    identity = chosen.get("identity")
    if identity:
        chosen["identity"] = {"type": identity["type"]}
        if identity.get("userAssignedIdentities"):
            chosen["identity"]["userAssignedIdentities"] = list(identity["userAssignedIdentities"])
    return chosen


def _outside_in(item: Properties) -> dict[str, Any]:
    """Put an item of a list as Resource Manager has it: its name beside its properties."""
    return {"name": item.get("name"), "properties": _without(item, "name")}


def _without(item: Properties, name: str) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key != name}


def _place(location: Any) -> str:
    return str(location).replace(" ", "").lower()
