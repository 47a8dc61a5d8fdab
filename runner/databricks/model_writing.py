"""The registration of models in Unity Catalog.

MLflow's own client sends the files. Unity Catalog numbers versions itself, so a request whose
answer was lost leaves a version behind; it is found by a tag and removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from runner.assets.content import Content, scan
from runner.assets.fetching import write
from runner.assets.kinds import ASSET_KINDS
from runner.assets.rules import check_copy, check_registration, next_version, taken_version
from runner.azure.errors import Missing, ServiceError
from runner.bounded_yaml import read_yaml
from runner.databricks.mlflow_client import EXPIRED, mlflow_client
from runner.databricks.model_sources import Source, find_source
from runner.databricks.models import (
    TYPE,
    Version,
    all_versions,
    asset_record,
    find_version,
    is_ready,
    ready_versions,
    tags_of_version,
)
from runner.databricks.notes import REQUEST, Note, read_note, tags_of
from runner.declarations.names import UNITY_NAME_RULE, is_unity_name
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.files.atomic import temporary_path
from runner.jobs.logged_models import origin_of
from runner.remote.assets import hash_files
from runner.workspace import Asset, OnProgress, Origin, Registration, Run, Transfer

if TYPE_CHECKING:
    from runner.databricks.connection import Connection

FindRun = Callable[[str], Run | None]  # finds a job's run, by the job's name
Declared = Callable[[str], str | None]  # finds the file and line that declare a model's name

_KIND: Literal["model"] = "model"
_TRIES = 3
_API = ("2.0", "mlflow", "unity-catalog", "model-versions")


@dataclass(frozen=True)
class _Wanted:
    """A version that is to be registered."""

    name: str
    description: str
    note: Note
    source: str  # the address that MLflow keeps as its source
    run: str | None = None
    version: str | None = None  # the one asked for


def register(
    connection: Connection,
    home: Path,
    registration: Registration,
    on_progress: OnProgress,
    find_run: FindRun,
    declared: Declared,
) -> Asset:
    """Register an MLflow model of this machine, or one that a run logged.

    Where the same content is registered under this name already, the newest such version is
    returned and no file is sent; its description, tags and properties become those of the
    registration. `home` takes what is on its way. Raises WrongUsage, before anything is sent, for a
    name that Unity Catalog refuses, for what is no MLflow model and for one without a signature.
    """
    check_name(registration.name, declared)
    check_registration(_KIND, registration)
    _check_keys(registration)
    path = registration.path
    if isinstance(path, Path):
        type_ = registration.type or ASSET_KINDS[_KIND].guess_type(path)
        if type_ != TYPE:
            raise WrongUsage(
                f"{path} is a {type_}, and Unity Catalog takes MLflow models only: name a folder"
                " with a file MLmodel, such as `mlflow.pyfunc.save_model` writes"
            )
        content = scan(path, registration.names)
        source = Source(path, path.absolute().name, job=registration.job)
        wanted = _wanted(registration, source, None)
        return _register_content(connection, home, wanted, path, content, on_progress)
    with _new_folder(home) as folder:
        source = find_source(connection, path, folder, find_run)
        source = replace(source, job=registration.job or source.job)
        run = _find_run(find_run, source.job)
        known = Origin(source.run) if source.run else None
        wanted = _wanted(registration, source, origin_of(run) if run else known)
        content = scan(source.path)
        return _register_content(connection, home, wanted, source.path, content, on_progress)


def receive(
    connection: Connection, home: Path, asset: Asset, content: Content, on_progress: OnProgress
) -> Asset:
    """Register a copy of another workspace's model; content that is there already is not read."""
    check_name(asset.name, lambda _: None)
    if asset.type != TYPE:
        raise WrongUsage(
            f"{asset.reference} is a {asset.type}, and Unity Catalog takes MLflow models only: log"
            " it with `mlflow.pyfunc.log_model`, and promote that"
        )
    wanted = _Wanted(
        name=asset.name,
        description=asset.description,
        note=Note(
            content_hash=asset.content_hash,
            tags=asset.tags,
            properties=asset.properties,
            base_name=asset.base_name,
            stage=asset.stage,
            job=asset.job,
            origin=asset.origin,
        ),
        source=asset.base_name,
    )
    tags_of(wanted.note)  # refused before anything is read
    found = _find_same(connection, wanted) if asset.content_hash else None
    if found is not None:
        return asset_record(asset.name, found)
    with _new_folder(home) as folder:

        def show(done: int) -> None:
            on_progress(Transfer("reading", asset.base_name, done, content.size))

        arrived = write(content, folder, show)
        check_copy(asset, arrived)
        check_signature(folder, asset.reference)
        wanted = replace(wanted, note=replace(wanted.note, content_hash=arrived))
        found = None if asset.content_hash else _find_same(connection, wanted)
        made = found or _add(connection, wanted, folder, content.size, on_progress)
        return asset_record(asset.name, made)


def check_name(name: str, declared: Declared) -> None:
    """Raise WrongUsage for a name that Unity Catalog refuses, with the place that declares it."""
    if not is_unity_name(name):
        place = declared(name)
        raise WrongUsage(
            f"{f'{place}: ' if place else ''}{name!r} can't name a model on Databricks, allowed:"
            f" {UNITY_NAME_RULE}"
        )


def check_signature(folder: Path, shown: object) -> None:
    """Raise WrongUsage for a model without a signature that has inputs and outputs."""
    try:
        described: Any = read_yaml(folder / "MLmodel")
        signature = dict(described.get("signature") or {})
    except (OSError, ValueError, AttributeError) as error:
        said = " ".join(str(error).split())
        raise WrongUsage(f"{shown} has no MLmodel that can be read ({said})") from None
    lacking = [part for part in ("inputs", "outputs") if not signature.get(part)]
    if lacking:
        raise WrongUsage(
            f"{shown} has no signature with {' and '.join(lacking)}, which Unity Catalog asks for:"
            " add one with `mlflow.models.set_signature(PATH,"
            " mlflow.models.infer_signature(inputs, predictions))`, or log it with `signature=`"
        )


def _register_content(
    connection: Connection,
    home: Path,
    wanted: _Wanted,
    path: Path,
    content: Content,
    on_progress: OnProgress,
) -> Asset:
    check_signature(path, path)
    content_hash, _ = hash_files(content, wanted.note.base_name, on_progress)
    wanted = replace(wanted, note=replace(wanted.note, content_hash=content_hash))
    tags_of(wanted.note)  # refused before anything is sent
    found = _find_same(connection, wanted)
    if found is not None:
        return asset_record(wanted.name, _amend(connection, wanted, found))
    _check_version(connection, wanted)
    # MLflow sends a folder whole, and only some of its files count.
    with _new_folder(home) as folder:
        if write(content, folder, lambda _: None) != content_hash:
            raise EnvironmentRefused(f"{path} changed while it was being read: register it again")
        made = _add(connection, wanted, folder, content.size, on_progress)
        return asset_record(wanted.name, made)


def _wanted(registration: Registration, source: Source, origin: Origin | None) -> _Wanted:
    return _Wanted(
        name=registration.name,
        description=registration.description,
        note=Note(
            tags=registration.tags,
            properties=registration.properties,
            base_name=source.path.absolute().name,
            stage=registration.more.get("stage"),
            job=source.job,
            origin=origin,
        ),
        source=source.address,
        run=source.run,
        version=registration.version,
    )


def _check_keys(registration: Registration) -> None:
    """Raise WrongUsage for a declared key that Unity Catalog has no place for."""
    for key in sorted(registration.more.keys() - {"stage", "flavors"}):
        raise WrongUsage(
            f"{key} of model {registration.name!r} is for Azure Machine Learning, and Unity"
            " Catalog has nothing like it: take it out"
        )


def _check_version(connection: Connection, wanted: _Wanted) -> None:
    """Raise EnvironmentRefused for a version other than the one that comes next."""
    versions = all_versions(connection, wanted.name)
    coming = next_version([str(version["version"]) for version in versions])
    if wanted.version not in (None, coming):
        raise EnvironmentRefused(
            f"Unity Catalog numbers versions itself, and the next one of model {wanted.name!r} is"
            f" {coming}, not {wanted.version}: leave the version out"
        )


def _find_same(connection: Connection, wanted: _Wanted) -> Version | None:
    """Return the newest version of the same content; only the one asked for, where one is."""
    for version in ready_versions(connection, wanted.name):
        number = str(version["version"])
        matches = read_note(tags_of_version(version)).content_hash == wanted.note.content_hash
        if matches and wanted.version in (None, number):
            return version
        if number == wanted.version:
            raise taken_version(_KIND, wanted.name, number, "content")
    return None


def _add(
    connection: Connection, wanted: _Wanted, folder: Path, size: int, on_progress: OnProgress
) -> Version:
    """Write a version and return it, once, however many answers are lost on the way."""
    _make_model(connection, wanted)
    request = uuid4().hex
    tags = tags_of(wanted.note) | {REQUEST: request}
    on_progress(Transfer("uploading", wanted.note.base_name, 0, size))
    for tries_left in reversed(range(_TRIES)):
        try:
            number = _write(connection, wanted, folder, tags)
        except ServiceError as error:
            lost = error.status is None or error.status >= 500 or error.status in (EXPIRED, 429)
            found = _find_begun(connection, wanted.name, request) if lost else {}
            ready = [begun for begun, version in found.items() if is_ready(version)]
            if not ready and (not lost or not tries_left):
                with suppress(EnvironmentRefused):
                    _remove_others(connection, wanted.name, request, None)
                raise
            if not ready:
                continue
            number = ready[0]
        _remove_others(connection, wanted.name, request, number)
        on_progress(Transfer("uploading", wanted.note.base_name, size, size))
        made = find_version(connection, wanted.name, number)
        if made is None:
            raise NotFound(f"model {wanted.name!r} version {number} is gone: somebody removed it")
        return made
    raise AssertionError("the last try returns or raises")


def _write(connection: Connection, wanted: _Wanted, folder: Path, tags: Mapping[str, str]) -> str:
    with mlflow_client(connection, f"register model {wanted.name!r}") as client:
        # As mlflow.register_model does: told where the files are on this machine, it keeps as the
        # version's source what they came from.
        made = client._create_model_version(
            connection.outputs.model_name(wanted.name),
            wanted.source,
            run_id=wanted.run,
            tags=dict(tags),
            description=wanted.description or None,
            local_model_path=str(folder),
        )
    return str(made.version)


def _make_model(connection: Connection, wanted: _Wanted) -> None:
    """Make the model that versions belong to, unless it is there."""
    outputs = connection.outputs
    if connection.api.find("2.1", "unity-catalog", "models", outputs.model_name(wanted.name)):
        return
    body = {
        "name": wanted.name,
        "catalog_name": outputs.catalog,
        "schema_name": outputs.schema,
        "comment": wanted.description,
    }
    try:
        api = connection.api
        url = api.url("2.1", "unity-catalog", "models")
        api.send("POST", url, body=body, retry="any", what=f"make model {wanted.name!r}")
    except ServiceError as error:
        if "ALREADY_EXISTS" not in error.code:
            raise


def _find_begun(connection: Connection, name: str, request: str) -> dict[str, Version]:
    """Return the versions that a request began, by number; several if an answer was lost."""
    found = {}
    for listed in all_versions(connection, name):
        version = find_version(connection, name, str(listed["version"]))
        if version and tags_of_version(version).get(REQUEST) == request:
            found[str(listed["version"])] = version
    return found


def _remove_others(connection: Connection, name: str, request: str, kept: str | None) -> None:
    """Remove the unfinished versions that a request began, except the one that is kept."""
    pending = [
        str(version["version"])
        for version in all_versions(connection, name)
        if not is_ready(version) and str(version["version"]) != kept
    ]
    for number in pending:
        version = find_version(connection, name, number)
        if version and tags_of_version(version).get(REQUEST) == request:
            path = ("2.1", "unity-catalog", "models", connection.outputs.model_name(name))
            with suppress(Missing):
                connection.api.send("DELETE", connection.api.url(*path, "versions", number))


def _amend(connection: Connection, wanted: _Wanted, found: Version) -> Version:
    """Give a version what a later registration of the same content declares besides."""
    name, number = connection.outputs.model_name(wanted.name), str(found["version"])
    old, new = read_note(tags_of_version(found)), wanted.note
    merged = replace(
        old,
        tags=new.tags or old.tags,
        properties={**old.properties, **new.properties},
        stage=new.stage or old.stage,
        job=old.job or new.job,
        origin=old.origin or (None if old.job else new.origin),
    )
    api, changed = connection.api, False
    if merged != old:
        kept, known = tags_of(merged), tags_of_version(found)
        for key, value in kept.items():
            if known.get(key) != value:
                body = {"name": name, "version": number, "key": key, "value": value}
                api.ask(*_API, "set-tag", body=body)
        for key in known.keys() - kept.keys() - {REQUEST}:
            body = {"name": name, "version": number, "key": key}
            api.send("DELETE", api.url(*_API, "delete-tag"), body=body)
        changed = True
    if wanted.description and wanted.description != found.get("description"):
        path = ("2.1", "unity-catalog", "models", name, "versions", number)
        api.send("PATCH", api.url(*path), body={"comment": wanted.description})
        changed = True
    return (find_version(connection, wanted.name, number) or found) if changed else found


def _find_run(find_run: FindRun, job: str | None) -> Run | None:
    """Return the run of a job; None where it can't be read, which is no reason to fail."""
    if job is None:
        return None
    with suppress(EnvironmentRefused, NotFound):
        return find_run(job)
    return None


@contextmanager
def _new_folder(home: Path) -> Iterator[Path]:
    """Yield a new folder for a model's files, which is removed in the end."""
    home.mkdir(parents=True, exist_ok=True)
    with temporary_path(home, "model-") as folder:
        folder.mkdir()
        yield folder
