"""The Files API: files and directories of volumes, of model versions, and MLflow's artifacts.

An upload makes the directories that it needs, as MLflow's own uploads rely on. What is below
`/Models` can be written until its version is registered, and not afterwards.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any

from tests.emulator.databricks.model_versions import PENDING, find_version
from tests.emulator.databricks.refusals import Refused, invalid, wrong_state
from tests.emulator.databricks.securables import MODEL, VOLUME, allow
from tests.emulator.databricks.service import Ask, Endpoint, paged
from tests.emulator.messages import Response, answer

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_PAGE = 1000


@dataclass(frozen=True)
class Place:
    """A path of the Files API and where it lies on this machine; `root` can't be removed."""

    path: str
    local: Path
    root: Path


def upload(ask: Ask) -> Response:
    """Write a file, whole."""
    with _at(ask, "WRITE") as place:
        if place.local == place.root or place.local.is_dir():
            raise _refused(409, "ALREADY_EXISTS", "DIRECTORY", "The path is a directory.", place)
        _make_directory(place.local.parent, place)
        beside = ask.databricks.folder / f"upload-{uuid.uuid4().hex}"
        beside.write_bytes(ask.request.body)
        if ask.query.get("overwrite", "true").lower() == "true":
            beside.replace(place.local)
        else:
            _create(beside, place)
    return Response(204)


def _create(beside: Path, place: Place) -> None:
    """Give a file its place unless there is one: of several that try at once, one does."""
    try:
        place.local.hardlink_to(beside)
    except FileExistsError:
        said = "The file being created already exists."
        raise _refused(409, "ALREADY_EXISTS", "FILE_ALREADY_EXISTS", said, place) from None
    finally:
        beside.unlink()


def download(ask: Ask) -> Response:
    """Give a file, or a range of it."""
    with _at(ask, "READ") as place:
        content = _file(place).read_bytes()
        headers = _headers(place)
    asked = _RANGE.fullmatch(ask.request.headers.get("range", ""))
    if asked is None or not any(asked.groups()):
        return Response(200, content, headers)
    size = len(content)
    first = int(asked[1]) if asked[1] else max(0, size - int(asked[2]))
    last = min(int(asked[2]) if asked[1] and asked[2] else size - 1, size - 1)
    if first > last:
        raise Refused(416, "INVALID_PARAMETER_VALUE", f"The range {asked[0]} is not satisfiable.")
    part = content[first : last + 1]
    whole = {"Content-Length": str(len(part)), "Content-Range": f"bytes {first}-{last}/{size}"}
    return Response(206, part, {**headers, **whole})


def look_at_file(ask: Ask) -> Response:
    """Tell of a file by headers only."""
    with _at(ask, "READ") as place:
        _file(place)
        return Response(200, b"", _headers(place))


def delete_file(ask: Ask) -> Response:
    """Delete a file."""
    with _at(ask, "WRITE") as place:
        _file(place).unlink()
    return Response(204)


def make_directory(ask: Ask) -> Response:
    """Make a directory and all above it; one that is there stays."""
    with _at(ask, "WRITE") as place:
        _make_directory(place.local, place)
    return Response(204)


def look_at_directory(ask: Ask) -> Response:
    """Say whether there is a directory; a volume with nothing in it counts as none."""
    with _at(ask, "READ") as place:
        found = _directory(place)
        if place.local == place.root and not any(found.iterdir()):
            raise _missing_directory(place)
        return Response(200)


def list_directory(ask: Ask) -> Response:
    """List a directory, a page at a time."""
    with _at(ask, "READ") as place:
        found = [_entry(place, child) for child in sorted(_directory(place).iterdir())]
    return answer(200, paged(ask, "contents", found, _PAGE, "page_size"))


def delete_directory(ask: Ask) -> Response:
    """Delete an empty directory."""
    with _at(ask, "WRITE") as place:
        if any(_directory(place).iterdir()):
            said = "The directory being deleted is not empty."
            raise _refused(400, "FAILED_PRECONDITION", "DIRECTORY_IS_NOT_EMPTY", said, place)
        if place.local == place.root:
            raise invalid(f"{place.path} can't be deleted by the Files API.")
        place.local.rmdir()
    return Response(204)


@contextmanager
def _at(ask: Ask, access: str) -> Iterator[Place]:
    """Find the place a request is about. Raises `Refusal`: not there, not allowed, a bad path."""
    path = "/" + ask.arguments["path"].strip("/")
    segments = path.split("/")[1:]
    if any(segment in ("", ".", "..") for segment in segments):
        raise invalid(f"The path {path} is not valid.")
    base = ask.databricks.files(ask.store.workspace)
    depth = {"Volumes": _volume, "Models": _version, "WorkspaceInternal": _tracking}
    if segments[0] not in depth:
        raise invalid(
            f"Invalid path: unsupported first path component: {segments[0]}. The path must begin"
            " with /Volumes or /Models."
        )
    names = depth[segments[0]](ask, segments, access)
    root = base.joinpath(segments[0], *names)
    yield Place(path, root.joinpath(*segments[1 + len(names) :]), root)


def _volume(ask: Ask, segments: list[str], access: str) -> list[str]:
    names = [segment.lower() for segment in segments[1:4]]
    full_name = ".".join(names)
    if len(names) < 3 or ask.store.get(VOLUME, full_name) is None:
        raise Refused(404, "NOT_FOUND", f"Volume '{full_name}' does not exist.")
    allow(ask, f"{access}_VOLUME", VOLUME, full_name)
    return names


def _version(ask: Ask, segments: list[str], access: str) -> list[str]:
    names = [*(segment.lower() for segment in segments[1:4]), *segments[4:5]]
    full_name = ".".join(names[:3])
    version = find_version(ask.store, full_name, names[3]) if len(names) == 4 else None
    if version is None:
        raise Refused(404, "NOT_FOUND", f"Model version '/{'/'.join(segments)}' does not exist.")
    allow(ask, "EXECUTE" if access == "READ" else "MANAGE", MODEL, full_name)
    if access == "WRITE" and version["status"] != PENDING:
        raise wrong_state(f"Model version {names[3]} of '{full_name}' is registered already.")
    return names


def _tracking(ask: Ask, segments: list[str], access: str) -> list[str]:
    """Return the place of MLflow's own files, `/WorkspaceInternal/Mlflow/Artifacts/...`."""
    whose = ("Runs", "LoggedModels")
    if segments[1:3] != ["Mlflow", "Artifacts"] or len(segments) < 6 or segments[4] not in whose:
        raise invalid(f"/{'/'.join(segments)} is not a place of MLflow's artifacts.")
    return segments[1:6]


def _make_directory(folder: Path, place: Place) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        said = "A file stands where a directory is to be."
        raise _refused(409, "ALREADY_EXISTS", "FILE_ALREADY_EXISTS", said, place) from None


def _file(place: Place) -> Path:
    if not place.local.is_file():
        said = "The file being accessed is not found."
        raise _refused(404, "NOT_FOUND", "FILE_NOT_FOUND", said, place)
    return place.local


def _directory(place: Place) -> Path:
    if place.local == place.root:
        place.root.mkdir(parents=True, exist_ok=True)
    if not place.local.is_dir():
        raise _missing_directory(place)
    return place.local


def _missing_directory(place: Place) -> Refused:
    said = "The directory being accessed is not found."
    return _refused(404, "NOT_FOUND", "DIRECTORY_IS_NOT_FOUND", said, place)


def _headers(place: Place) -> dict[str, str]:
    found = place.local.stat()
    return {
        "Content-Length": str(found.st_size),
        "Content-Type": "application/octet-stream",
        "Last-Modified": formatdate(found.st_mtime, usegmt=True),
        "Accept-Ranges": "bytes",
    }


def _entry(place: Place, child: Path) -> dict[str, Any]:
    found = child.stat()
    told: dict[str, Any] = {
        "path": f"{place.path}/{child.name}",
        "name": child.name,
        "is_directory": child.is_dir(),
        "last_modified": int(found.st_mtime * 1000),
    }
    return told if child.is_dir() else {**told, "file_size": found.st_size}


def _refused(status: int, code: str, reason: str, message: str, place: Place) -> Refused:
    detail = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": f"FILES_API_{reason}",
        "domain": "filesystem.databricks.com",
        "metadata": {"path": place.path},
    }
    return Refused(status, code, message, details=[detail])


_FILE, _DIRECTORY = "/api/2.0/fs/files/{path*}", "/api/2.0/fs/directories/{path*}"
ENDPOINTS = (
    Endpoint("PUT", _FILE, upload, serial=False),
    Endpoint("GET", _FILE, download, serial=False),
    Endpoint("HEAD", _FILE, look_at_file, serial=False),
    Endpoint("DELETE", _FILE, delete_file, serial=False),
    Endpoint("PUT", _DIRECTORY, make_directory, serial=False),
    Endpoint("GET", _DIRECTORY, list_directory, serial=False),
    Endpoint("HEAD", _DIRECTORY, look_at_directory, serial=False),
    Endpoint("DELETE", _DIRECTORY, delete_directory, serial=False),
)
