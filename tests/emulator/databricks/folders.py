"""The workspace's own tree of folders, in which MLflow's experiments stand."""

from __future__ import annotations

from typing import Any

from tests.emulator.databricks.refusals import Refused, invalid
from tests.emulator.databricks.service import Ask, Endpoint
from tests.emulator.databricks.store import Store

FOLDERS = "folders"
_ALWAYS = ("/", "/Shared", "/Users", "/Workspace", "/Repos")


def has_folder(store: Store, path: str) -> bool:
    """Tell whether a folder is there."""
    path = _normal(path)
    return path in _ALWAYS or store.get(FOLDERS, path.strip("/")) is not None


def make(ask: Ask) -> dict[str, Any]:
    """Make a folder and those above it; one that is there stays."""
    path = _normal(str(ask.required("path")))
    parts = path.strip("/").split("/")
    for depth in range(1, len(parts) + 1):
        above = "/" + "/".join(parts[:depth])
        if not has_folder(ask.store, above):
            number = ask.store.next_number(FOLDERS)
            document = {"object_type": "DIRECTORY", "path": above, "object_id": 10**12 + number}
            ask.store.put(FOLDERS, above.strip("/"), document)
    return {}


def get_status(ask: Ask) -> dict[str, Any]:
    """Tell of a folder."""
    path = _normal(ask.asked("path"))
    return _require(ask, path)


def list_all(ask: Ask) -> dict[str, Any]:
    """List what lies in a folder."""
    path = _normal(ask.asked("path"))
    _require(ask, path)
    found = [
        folder
        for folder in ask.store.all(FOLDERS)
        if (folder["path"].rpartition("/")[0] or "/") == path
    ]
    return {"objects": found} if found else {}


def delete(ask: Ask) -> dict[str, Any]:
    """Delete a folder; one with something in it only with all of that."""
    path = _normal(str(ask.required("path")))
    _require(ask, path)
    below = [folder for folder in ask.store.all(FOLDERS) if folder["path"].startswith(f"{path}/")]
    if below and not ask.body.get("recursive"):
        raise Refused(400, "DIRECTORY_NOT_EMPTY", f"Folder ({path}) is not empty")
    ask.store.delete(FOLDERS, path.strip("/"))
    return {}


def _require(ask: Ask, path: str) -> dict[str, Any]:
    found = ask.store.get(FOLDERS, path.strip("/")) if path != "/" else None
    if found is not None:
        return found
    if path not in _ALWAYS:
        raise Refused(404, "RESOURCE_DOES_NOT_EXIST", f"Path ({path}) doesn't exist.")
    return {"object_type": "DIRECTORY", "path": path, "object_id": 1 + _ALWAYS.index(path)}


def _normal(path: str) -> str:
    if not path.startswith("/"):
        raise invalid(f"Path ({path}) doesn't start with '/'")
    path = path.rstrip("/") or "/"
    inner = path.removeprefix("/Workspace")
    return inner if inner.startswith("/") else path


_PATH = "/api/2.0/workspace/"
ENDPOINTS = (
    Endpoint("POST", _PATH + "mkdirs", make),
    Endpoint("GET", _PATH + "get-status", get_status),
    Endpoint("GET", _PATH + "list", list_all),
    Endpoint("POST", _PATH + "delete", delete),
)
