"""Serving endpoints: what is served, and how an endpoint becomes ready, by the clock."""

from __future__ import annotations

import re
import time
import uuid
from typing import Any

from tests.emulator.databricks.model_versions import READY, find_version
from tests.emulator.databricks.models import readable
from tests.emulator.databricks.refusals import Refused, invalid, missing, there_already
from tests.emulator.databricks.service import Ask, Endpoint, required
from tests.emulator.databricks.store import Document

SERVING, IDS = "serving-endpoints", "serving-endpoint-ids"
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?")
_SIZES = ("Small", "Medium", "Large")
_COMPUTED = ("creation_timestamp", "creator", "state")


def require_endpoint(ask: Ask, name: str) -> Document:
    """Find an endpoint as it stands now. Raises `Refusal`."""
    found = ask.store.get(SERVING, name)
    if found is None:
        raise missing(f"Endpoint with name '{name}' does not exist.")
    pending = found.get("pending_config")
    if pending is None or found["stuck"]:
        return found
    switches = ask.databricks.switches
    if time.time() < pending["start_time"] / 1000 + switches.seconds_to_start:
        return found
    if switches.deployment_error:
        return ask.store.put(SERVING, name, found | {"failed": switches.deployment_error})
    config = {key: value for key, value in pending.items() if key != "start_time"}
    settled = {**found, "config": config, "failed": ""}
    del settled["pending_config"]
    return ask.store.put(SERVING, name, settled)


def create(ask: Ask) -> dict[str, Any]:
    """Create an endpoint."""
    name = str(ask.required("name"))
    if not _NAME.fullmatch(name):
        raise invalid(
            f"Endpoint name '{name}' is not valid: letters, digits, - and _, at most 63 of them."
        )
    if ask.store.get(SERVING, name) is not None:
        raise there_already(f"Endpoint with name '{name}' already exists.")
    now = int(time.time() * 1000)
    made: Document = {
        "name": name,
        "id": uuid.uuid4().hex,
        "creator": ask.user.name,
        "creation_timestamp": now,
        "last_updated_timestamp": now,
        "tags": ask.body.get("tags") or [],
        "description": ask.body.get("description", ""),
        "route_optimized": bool(ask.body.get("route_optimized")),
        "stuck": False,
        "failed": "",
    }
    ask.store.put(IDS, made["id"], {"name": name})
    if ask.body.get("config"):
        made = _begin_update(ask, made, ask.body["config"])
    return _told(ask, ask.store.put(SERVING, name, made))


def get(ask: Ask) -> dict[str, Any]:
    """Give an endpoint."""
    return _told(ask, require_endpoint(ask, ask.arguments["name"]))


def list_all(ask: Ask) -> dict[str, Any]:
    """List the endpoints."""
    names = [endpoint["name"] for endpoint in ask.store.all(SERVING)]
    found = [_told(ask, require_endpoint(ask, name)) for name in names]
    brief = ("pending_config", "endpoint_url", "permission_level")
    told = [{k: v for k, v in endpoint.items() if k not in brief} for endpoint in found]
    return {"endpoints": told} if told else {}


def update_config(ask: Ask) -> dict[str, Any]:
    """Serve something else; what was served before goes on until that is ready."""
    found = require_endpoint(ask, ask.arguments["name"])
    if found.get("pending_config") and not found["failed"]:
        raise Refused(
            409,
            "RESOURCE_CONFLICT",
            f"Endpoint '{found['name']}' is being updated. Wait until the update is done.",
        )
    changed = _begin_update(ask, found, ask.body)
    return _told(ask, ask.store.put(SERVING, found["name"], changed))


def update_tags(ask: Ask) -> dict[str, Any]:
    """Add and take away tags."""
    found = require_endpoint(ask, ask.arguments["name"])
    tags = {tag["key"]: tag for tag in found["tags"]}
    tags |= {tag["key"]: tag for tag in ask.body.get("add_tags") or []}
    gone = ask.body.get("delete_tags") or []
    kept = [tag for key, tag in tags.items() if key not in gone]
    ask.store.put(SERVING, found["name"], found | {"tags": kept})
    return {"tags": kept}


def delete(ask: Ask) -> dict[str, Any]:
    """Delete an endpoint."""
    found = require_endpoint(ask, ask.arguments["name"])
    ask.store.delete(IDS, found["id"])
    ask.store.delete(SERVING, found["name"])
    return {}


def _begin_update(ask: Ask, endpoint: Document, sent: Document) -> Document:
    entities = [_entity(ask, entity) for entity in sent.get("served_entities") or []]
    names = [entity["name"] for entity in entities]
    if not entities:
        raise invalid("At least one served entity is required.")
    if len(set(names)) < len(names):
        raise invalid("The names of served entities must be unique within an endpoint.")
    now = int(time.time() * 1000)
    pending = {
        "served_entities": entities,
        "traffic_config": {"routes": _routes(sent.get("traffic_config"), names)},
        "config_version": (endpoint.get("config") or {}).get("config_version", 0) + 1,
        "start_time": now,
    }
    stuck = ask.databricks.switches.never_ready
    changed = {"pending_config": pending, "last_updated_timestamp": now}
    return endpoint | changed | {"stuck": stuck, "failed": ""}


def _entity(ask: Ask, sent: Document) -> Document:
    entity, number = str(required(sent, "entity_name")), str(required(sent, "entity_version"))
    model = readable(ask, entity)
    version = find_version(ask.store, model["full_name"], number)
    if version is None:
        raise missing(f"Model version {number} of '{entity}' does not exist.")
    if version["status"] != READY:
        raise invalid(f"Model version {number} of '{entity}' is not ready to be served.")
    size = sent.get("workload_size", "Small")
    if size not in _SIZES:
        raise invalid(f"workload_size '{size}' is not one of {', '.join(_SIZES)}.")
    name = sent.get("name") or f"{model['name']}-{number}"
    if not _NAME.fullmatch(name):
        raise invalid(f"Served entity name '{name}' is not valid: letters, digits, - and _.")
    return {
        "workload_type": "CPU",
        "scale_to_zero_enabled": False,
        **{key: value for key, value in sent.items() if key not in _COMPUTED},
        "name": name,
        "entity_name": model["full_name"],
        "entity_version": number,
        "workload_size": size,
        "creator": ask.user.name,
        "creation_timestamp": int(time.time() * 1000),
    }


def _routes(sent: Document | None, names: list[str]) -> list[Document]:
    if sent is None and len(names) == 1:
        return [{"served_model_name": names[0], "traffic_percentage": 100}]
    routes = []
    for route in (sent or {}).get("routes") or []:
        name = route.get("served_model_name") or route.get("served_entity_name")
        share = route.get("traffic_percentage")
        if name not in names:
            raise invalid(f"Traffic is routed to '{name}', which is not a served entity.")
        if not isinstance(share, int) or not 0 <= share <= 100:
            raise invalid("traffic_percentage must be an integer between 0 and 100.")
        routes.append({"served_model_name": name, "traffic_percentage": share})
    if len({route["served_model_name"] for route in routes}) < len(routes):
        raise invalid("Traffic is routed to a served entity more than once.")
    total = sum(route["traffic_percentage"] for route in routes)
    if total != 100:
        raise invalid(f"The sum of all traffic percentages must be 100, and is {total}.")
    return routes


def _told(ask: Ask, endpoint: Document) -> dict[str, Any]:
    updating = "pending_config" in endpoint
    failed = endpoint["failed"]
    told = {key: value for key, value in endpoint.items() if key not in ("stuck", "failed")}
    update = "UPDATE_FAILED" if failed else "IN_PROGRESS" if updating else "NOT_UPDATING"
    told["state"] = {
        "ready": "READY" if endpoint.get("config") else "NOT_READY",
        "config_update": update,
    }
    told["permission_level"] = "CAN_MANAGE"
    told["endpoint_url"] = f"https://{ask.request.host}/serving-endpoints/{endpoint['name']}"
    if "config" in endpoint:
        told["config"] = _with_states(endpoint["config"], "DEPLOYMENT_READY", "")
    if updating:
        state = "DEPLOYMENT_FAILED" if failed else "DEPLOYMENT_CREATING"
        told["pending_config"] = _with_states(endpoint["pending_config"], state, failed)
    return told


def _with_states(config: Document, deployment: str, message: str) -> Document:
    state = {"deployment": deployment, "deployment_state_message": message}
    entities = [entity | {"state": state} for entity in config["served_entities"]]
    return config | {"served_entities": entities}


_PATH = "/api/2.0/serving-endpoints"
ENDPOINTS = (
    Endpoint("POST", _PATH, create),
    Endpoint("GET", _PATH, list_all),
    Endpoint("GET", _PATH + "/{name}", get),
    Endpoint("PUT", _PATH + "/{name}/config", update_config),
    Endpoint("PATCH", _PATH + "/{name}/tags", update_tags),
    Endpoint("DELETE", _PATH + "/{name}", delete),
)
