"""Registered models as MLflow's client asks for them, below `/api/2.0/mlflow/unity-catalog`.

They are the same models and versions that Unity Catalog's own interface has.
"""

from __future__ import annotations

import re
from typing import Any

from tests.emulator.databricks.model_versions import (
    change_version,
    create_version,
    delete_version,
    drop_alias,
    finalize_version,
    name_alias,
    readable_version,
    version_by_alias,
    versions_of,
)
from tests.emulator.databricks.models import (
    VERSION,
    change_model,
    create_model,
    readable,
    readable_models,
    remove_model,
)
from tests.emulator.databricks.refusals import Refused, invalid
from tests.emulator.databricks.securables import MODEL, has_privilege, own, require
from tests.emulator.databricks.service import Ask, Endpoint, paged
from tests.emulator.databricks.store import Document

_CLAUSE = re.compile(r"\s*(name|run_id|source)\s*=\s*['\"]([^'\"]*)['\"]\s*", re.I)


def create_registered_model(ask: Ask) -> dict[str, Any]:
    """Create a model."""
    fields = {"comment": ask.body.get("description", ""), "tags": _tags(ask.body)}
    made = create_model(ask, str(ask.required("name")), fields)
    return {"registered_model": _model(made)}


def get_registered_model(ask: Ask) -> dict[str, Any]:
    """Give a model."""
    return {"registered_model": _model(readable(ask, ask.asked("name")))}


def update_registered_model(ask: Ask) -> dict[str, Any]:
    """Change a model's description."""
    if ask.body.get("new_name"):
        raise Refused(501, "NOT_IMPLEMENTED", "The stand-in renames no models.")
    changed = change_model(ask, str(ask.required("name")), _described(ask))
    return {"registered_model": _model(changed)}


def delete_registered_model(ask: Ask) -> dict[str, Any]:
    """Delete a model with its versions."""
    name = str(ask.required("name")).lower()
    require(ask, MODEL, name)
    own(ask, MODEL, name)
    remove_model(ask, name)
    return {}


def search_registered_models(ask: Ask) -> dict[str, Any]:
    """List all models."""
    return paged(ask, "registered_models", [_model(model) for model in readable_models(ask)])


def set_registered_model_alias(ask: Ask) -> dict[str, Any]:
    """Let an alias stand for a version."""
    name, alias = str(ask.required("name")), str(ask.required("alias"))
    name_alias(ask, name, alias, str(ask.required("version")))
    return {}


def delete_registered_model_alias(ask: Ask) -> dict[str, Any]:
    """Let an alias stand for nothing."""
    drop_alias(ask, str(ask.required("name")), str(ask.required("alias")))
    return {}


def get_model_version_by_alias(ask: Ask) -> dict[str, Any]:
    """Give the version that an alias stands for."""
    return {
        "model_version": _version(ask, version_by_alias(ask, ask.asked("name"), ask.asked("alias")))
    }


def set_registered_model_tag(ask: Ask) -> dict[str, Any]:
    """Tag a model."""
    model = require(ask, MODEL, str(ask.required("name")).lower())
    tags = model["tags"] | {str(ask.required("key")): ask.body.get("value", "")}
    change_model(ask, model["full_name"], {"tags": tags})
    return {}


def delete_registered_model_tag(ask: Ask) -> dict[str, Any]:
    """Take a tag from a model."""
    model = require(ask, MODEL, str(ask.required("name")).lower())
    tags = {key: value for key, value in model["tags"].items() if key != ask.body.get("key")}
    change_model(ask, model["full_name"], {"tags": tags})
    return {}


def create_model_version(ask: Ask) -> dict[str, Any]:
    """Begin a version."""
    body = ask.body
    fields = {
        "source": str(ask.required("source")),
        "run_id": body.get("run_id", ""),
        "model_id": body.get("model_id", ""),
        "comment": body.get("description", ""),
        "tags": _tags(body),
    }
    return {"model_version": _version(ask, create_version(ask, str(ask.required("name")), fields))}


def finalize_model_version(ask: Ask) -> dict[str, Any]:
    """End the registration of a version."""
    name, number = str(ask.required("name")), str(ask.required("version"))
    return {"model_version": _version(ask, finalize_version(ask, name, number))}


def get_model_version(ask: Ask) -> dict[str, Any]:
    """Give a version."""
    found = readable_version(ask, ask.asked("name"), ask.asked("version"))
    return {"model_version": _version(ask, found)}


def update_model_version(ask: Ask) -> dict[str, Any]:
    """Change a version's description."""
    name, number = str(ask.required("name")), str(ask.required("version"))
    return {"model_version": _version(ask, change_version(ask, name, number, _described(ask)))}


def remove_model_version(ask: Ask) -> dict[str, Any]:
    """Delete a version."""
    delete_version(ask, str(ask.required("name")), str(ask.required("version")))
    return {}


def search_model_versions(ask: Ask) -> dict[str, Any]:
    """Search versions by their model's name, run or source."""
    wanted: dict[str, str] = {}
    for clause in re.split(r"(?i)\band\b", ask.query.get("filter") or ""):
        if not clause.strip():
            continue
        found = _CLAUSE.fullmatch(clause)
        if found is None:
            raise invalid(f"Unsupported filter query: {clause.strip()}")
        wanted[found[1].lower()] = found[2]
    versions = ask.store.all(VERSION)
    if "name" in wanted:
        versions = versions_of(ask.store, wanted["name"])
    versions = [
        version
        for version in versions
        if wanted.get("run_id", version["run_id"]) == version["run_id"]
        and wanted.get("source", version["source"]) == version["source"]
        and has_privilege(ask.store, ask.user, "EXECUTE", MODEL, version["full_name"])
    ]
    told = [_version(ask, version) for version in reversed(versions)]
    return paged(ask, "model_versions", told)


def get_download_uri(ask: Ask) -> dict[str, Any]:
    """Tell where a version's files lie."""
    found = readable_version(ask, ask.asked("name"), ask.asked("version"))
    return {"artifact_uri": found["storage_location"]}


def set_model_version_tag(ask: Ask) -> dict[str, Any]:
    """Tag a version."""
    name, number = str(ask.required("name")), str(ask.required("version"))
    tags = readable_version(ask, name, number)["tags"]
    tags = tags | {str(ask.required("key")): ask.body.get("value", "")}
    change_version(ask, name, number, {"tags": tags})
    return {}


def delete_model_version_tag(ask: Ask) -> dict[str, Any]:
    """Take a tag from a version."""
    name, number = str(ask.required("name")), str(ask.required("version"))
    tags = readable_version(ask, name, number)["tags"]
    kept = {key: value for key, value in tags.items() if key != ask.body.get("key")}
    change_version(ask, name, number, {"tags": kept})
    return {}


def emit_lineage(ask: Ask) -> dict[str, Any]:
    """Take note of where a version comes from, which nothing here reads."""
    return {}


def uses_files_api(ask: Ask) -> dict[str, Any]:
    """Say that the files of versions go by the Files API."""
    return {"is_databricks_sdk_models_artifact_repository_enabled": True}


def _described(ask: Ask) -> Document:
    return {"comment": ask.body["description"]} if "description" in ask.body else {}


def _tags(body: Document) -> dict[str, str]:
    return {str(tag["key"]): str(tag.get("value", "")) for tag in body.get("tags") or []}


def _listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def _model(model: Document) -> dict[str, Any]:
    return {
        "name": model["full_name"],
        "creation_timestamp": model["created_at"],
        "last_updated_timestamp": model["updated_at"],
        "user_id": model["created_by"],
        "description": model.get("comment", ""),
        "aliases": [
            {"alias": alias, "version": str(version)} for alias, version in model["aliases"].items()
        ],
        "tags": _listed(model["tags"]),
    }


def _version(ask: Ask, version: Document) -> dict[str, Any]:
    model = require(ask, MODEL, version["full_name"])
    return {
        "name": version["full_name"],
        "version": str(version["version"]),
        "creation_timestamp": version["created_at"],
        "last_updated_timestamp": version["updated_at"],
        "user_id": version["created_by"],
        "description": version.get("comment", ""),
        "source": version["source"],
        "run_id": version["run_id"],
        "model_id": version["model_id"],
        "run_tracking_server_id": ask.store.workspace,
        "status": version["status"],
        "storage_location": version["storage_location"],
        "aliases": [
            {"alias": alias, "version": str(of)}
            for alias, of in model["aliases"].items()
            if of == version["version"]
        ],
        "tags": _listed(version["tags"]),
    }


_PATH = "/api/2.0/mlflow/unity-catalog/"
ENDPOINTS = tuple(
    Endpoint(method, _PATH + path, answerer)
    for method, path, answerer in (
        ("POST", "registered-models/create", create_registered_model),
        ("GET", "registered-models/get", get_registered_model),
        ("PATCH", "registered-models/update", update_registered_model),
        ("DELETE", "registered-models/delete", delete_registered_model),
        ("GET", "registered-models/search", search_registered_models),
        ("POST", "registered-models/alias", set_registered_model_alias),
        ("DELETE", "registered-models/alias", delete_registered_model_alias),
        ("GET", "registered-models/alias", get_model_version_by_alias),
        ("POST", "registered-models/set-tag", set_registered_model_tag),
        ("DELETE", "registered-models/delete-tag", delete_registered_model_tag),
        ("POST", "model-versions/create", create_model_version),
        ("POST", "model-versions/finalize", finalize_model_version),
        ("GET", "model-versions/get", get_model_version),
        ("PATCH", "model-versions/update", update_model_version),
        ("DELETE", "model-versions/delete", remove_model_version),
        ("GET", "model-versions/search", search_model_versions),
        ("GET", "model-versions/get-download-uri", get_download_uri),
        ("POST", "model-versions/set-tag", set_model_version_tag),
        ("DELETE", "model-versions/delete-tag", delete_model_version_tag),
        ("POST", "model-versions/emit-lineage", emit_lineage),
        (
            "GET",
            "registered-models:is-databricks-sdk-models-artifact-repository-enabled",
            uses_files_api,
        ),
    )
)
