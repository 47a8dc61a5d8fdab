"""Registers code assets, which are the folders of scripts."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from runner.assets.content import hash_content, hash_file, scan_code
from runner.azureml.assets import send_unchanged
from runner.azureml.storage import storage_of
from runner.azureml.versions import HASH, Version, add_version, list_versions, put_version
from runner.workspace import OnProgress

if TYPE_CHECKING:
    from runner.azureml.connection import Connection

SEGMENT = "codes"


def register_code(connection: Connection, name: str, folder: Path, on_progress: OnProgress) -> str:
    """Upload a folder of code, register it and return its reference.

    The same content keeps its version. Raises as `scan_code`, and EnvironmentRefused.
    """
    content = scan_code(folder)
    hashes = {file.name: hash_file(file) for file in content.files}
    content_hash = hash_content(content.shape, hashes.items())

    def same(versions: list[Version]) -> Version | None:
        tagged = ((version, version["properties"].get("tags") or {}) for version in versions)
        return next((version for version, tags in tagged if tags.get(HASH) == content_hash), None)

    versions = list_versions(connection, SEGMENT, name)
    found = same(versions)
    if found is None:
        place = send_unchanged(connection, folder, content, hashes, on_progress, "register again")
        properties = {
            # The service accepts only https addresses of code.
            "codeUri": storage_of(connection).blob_url(place),
            "tags": {HASH: content_hash},
            "isAnonymous": False,
        }
        put = partial(put_version, connection, SEGMENT, name, properties=properties)
        found = add_version(connection, SEGMENT, name, versions, same, put)
    return f"azureml:{name}:{found['name']}"
