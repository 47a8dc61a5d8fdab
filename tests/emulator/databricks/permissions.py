"""Permissions on clusters, jobs, endpoints and the like. They are kept and not enforced."""

from __future__ import annotations

from typing import Any

from tests.emulator.databricks.clusters import CLUSTERS
from tests.emulator.databricks.policies import POLICIES
from tests.emulator.databricks.refusals import invalid, missing
from tests.emulator.databricks.service import Ask, Endpoint

PERMISSIONS = "permissions"
_WHO = ("user_name", "group_name", "service_principal_name")
# The kind of a type of object (none where nothing of it is kept here), its name in the singular,
# and the levels that it has.
_TYPES: dict[str, tuple[str | None, str, tuple[str, ...]]] = {
    "clusters": (CLUSTERS, "cluster", ("CAN_ATTACH_TO", "CAN_RESTART", "CAN_MANAGE")),
    "cluster-policies": (POLICIES, "cluster-policy", ("CAN_USE",)),
    "jobs": ("jobs", "job", ("CAN_VIEW", "CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER")),
    "serving-endpoints": (
        "serving-endpoint-ids",
        "serving-endpoint",
        ("CAN_VIEW", "CAN_QUERY", "CAN_MANAGE"),
    ),
    "directories": (None, "directory", ("CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE")),
    "experiments": (None, "mlflowExperiment", ("CAN_READ", "CAN_EDIT", "CAN_MANAGE")),
    "authorization": (None, "tokens", ("CAN_USE", "CAN_MANAGE")),
}


def get(ask: Ask) -> dict[str, Any]:
    """Tell who may do what."""
    _check(ask)
    return _told(ask, _kept(ask))


def replace(ask: Ask) -> dict[str, Any]:
    """Say anew who may do what."""
    return _write(ask, [])


def update(ask: Ask) -> dict[str, Any]:
    """Let more people do something."""
    return _write(ask, _kept(ask))


def levels(ask: Ask) -> dict[str, Any]:
    """Tell which levels there are."""
    known = _check(ask)
    told = [{"permission_level": level, "description": level} for level in known]
    return {"permission_levels": told}


def _write(ask: Ask, kept: list[dict[str, str]]) -> dict[str, Any]:
    known = _check(ask)
    for given in ask.body.get("access_control_list") or []:
        named = [name for name in _WHO if given.get(name)]
        if len(named) != 1:
            raise invalid("Exactly one of user_name, group_name, service_principal_name is needed.")
        level = given.get("permission_level")
        if level not in known:
            raise invalid(f"Permission level {level} is not one of {', '.join(known)}.")
        who = named[0]
        kept = [entry for entry in kept if entry.get(who) != given[who]]
        kept.append({who: given[who], "permission_level": level})
    ask.store.put(PERMISSIONS, _name(ask), {"access_control_list": kept})
    return _told(ask, kept)


def _check(ask: Ask) -> tuple[str, ...]:
    """Give the levels of the object's type. Raises `Refusal` where there is no such object."""
    found = _TYPES.get(ask.arguments["type"])
    if found is None:
        raise invalid(f"'{ask.arguments['type']}' is not a supported object type.")
    kind, singular, known = found
    if kind is not None and ask.store.get(kind, ask.arguments["object"]) is None:
        raise missing(f"{singular} {ask.arguments['object']} does not exist.")
    return known


def _kept(ask: Ask) -> list[dict[str, str]]:
    kept = ask.store.get(PERMISSIONS, _name(ask)) or {}
    entries: list[dict[str, str]] = kept.get("access_control_list", [])
    return entries


def _told(ask: Ask, kept: list[dict[str, str]]) -> dict[str, Any]:
    entries = [
        {
            **{name: value for name, value in entry.items() if name in _WHO},
            "all_permissions": [
                {"permission_level": entry["permission_level"], "inherited": False}
            ],
        }
        for entry in kept
    ]
    admins = {"permission_level": "CAN_MANAGE", "inherited": True}
    entries.append({"group_name": "admins", "all_permissions": [admins]})
    return {
        "object_id": f"/{_name(ask)}",
        "object_type": _TYPES[ask.arguments["type"]][1],
        "access_control_list": entries,
    }


def _name(ask: Ask) -> str:
    return f"{ask.arguments['type']}/{ask.arguments['object']}"


_PATH = "/api/2.0/permissions/{type}/{object}"
ENDPOINTS = (
    Endpoint("GET", _PATH, get),
    Endpoint("PUT", _PATH, replace),
    Endpoint("PATCH", _PATH, update),
    Endpoint("GET", _PATH + "/permissionLevels", levels),
)
