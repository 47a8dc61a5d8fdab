"""Cluster policies: what a cluster that names one must keep to."""

from __future__ import annotations

import secrets
import time
from typing import Any

from tests.emulator.databricks.refusals import Refused, invalid
from tests.emulator.databricks.service import Ask, Endpoint, read_json
from tests.emulator.databricks.store import Document

POLICIES = "policies"


def check_policy(ask: Ask, cluster: Document) -> None:
    """Raise `Refusal` where a cluster breaks the policy that it names."""
    name = cluster.get("policy_id")
    if not name:
        return
    rules = read_json(_require(ask, name)["definition"], "policy definition")
    for field, rule in rules.items():
        value: Any = cluster
        for part in field.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is None and (rule.get("isOptional") or "defaultValue" in rule):
            continue
        if not _keeps(rule, value):
            raise invalid(
                f"Cluster validation error: Validation failed for {field}, the value must be"
                f" {_spoken(rule)} (is {value})"
            )


def _keeps(rule: Document, value: Any) -> bool:
    kind = rule.get("type")
    if kind == "fixed":
        return bool(value == rule.get("value"))
    if kind == "allowlist":
        return value in rule.get("values", ())
    if kind == "forbidden":
        return value is None
    if kind == "range":
        low, high = rule.get("minValue", float("-inf")), rule.get("maxValue", float("inf"))
        return value is not None and bool(low <= value <= high)
    return True


def _spoken(rule: Document) -> str:
    if rule["type"] == "range":
        return f"between {rule.get('minValue')} and {rule.get('maxValue')}"
    return str(rule.get("value", rule.get("values", "absent")))


def create(ask: Ask) -> dict[str, Any]:
    """Create a policy."""
    name = str(ask.required("name"))
    definition = str(ask.body.get("definition") or "{}")
    read_json(definition, "policy definition")
    if any(policy["name"] == name for policy in ask.store.all(POLICIES)):
        raise invalid(f"Policy name {name} already exists. Please use another name.")
    policy_id = secrets.token_hex(8).upper()
    made = {
        **ask.body,
        "definition": definition,
        "policy_id": policy_id,
        "creator_user_name": ask.user.name,
        "created_at_timestamp": int(time.time() * 1000),
        "is_default": False,
    }
    ask.store.put(POLICIES, policy_id, made)
    return {"policy_id": policy_id}


def get(ask: Ask) -> dict[str, Any]:
    """Give a policy."""
    return _require(ask, ask.asked("policy_id"))


def edit(ask: Ask) -> dict[str, Any]:
    """Change a policy."""
    found = _require(ask, str(ask.required("policy_id")))
    read_json(str(ask.body.get("definition") or "{}"), "policy definition")
    ask.store.put(POLICIES, found["policy_id"], found | ask.body)
    return {}


def delete(ask: Ask) -> dict[str, Any]:
    """Delete a policy."""
    found = _require(ask, str(ask.required("policy_id")))
    ask.store.delete(POLICIES, found["policy_id"])
    return {}


def list_all(ask: Ask) -> dict[str, Any]:
    """List the policies."""
    found = ask.store.all(POLICIES)
    return {"policies": found, "total_count": len(found)}


def _require(ask: Ask, policy_id: str) -> Document:
    found = ask.store.get(POLICIES, policy_id)
    if found is None:
        raise Refused(
            404, "RESOURCE_DOES_NOT_EXIST", f"Can't find a cluster policy with id: {policy_id}."
        )
    return found


_PATH = "/api/2.0/policies/clusters/"
ENDPOINTS = (
    Endpoint("POST", _PATH + "create", create),
    Endpoint("GET", _PATH + "get", get),
    Endpoint("POST", _PATH + "edit", edit),
    Endpoint("POST", _PATH + "delete", delete),
    Endpoint("GET", _PATH + "list", list_all),
)
