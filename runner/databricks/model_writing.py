"""The registration of models in Unity Catalog.

The files go there through MLflow's own client. Unity Catalog numbers versions itself, so a request
whose answer was lost leaves one behind that is found by a tag and taken away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from runner.assets.content import Content, counted, hash_content, hash_file, scan
from runner.assets.fetching import write
from runner.assets.kinds import ASSET_KINDS
from runner.assets.rules import check_copy, check_registration, next_version, taken_version
from runner.azure.errors import Missing, ServiceError
from runner.bounded_yaml import read_yaml
from runner.databricks.mlflow_client import EXPIRED, mlflow_client
from runner.databricks.model_sources import find_source
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
from runner.workspace import Asset, OnProgress, Origin, Registration, Run, Transfer

if TYPE_CHECKING:
    from runner.databricks.connection import Connection

FindRun = Callable[[str], Run | None]  # that of a job, by the job's name
Declared = Callable[[str], str | None]  # where a model of a name is declared: file and line

_KIND: Literal["model"] = "model"
_TRIES = 3
_API = ("2.0", "mlflow", "unity-catalog", "model-versions")


@dataclass(frozen=True)
class _Wanted:
    """A version that is to be registered."""

    name: str
    description: str
    note: Note
    source: str  # what MLflow keeps as its source
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

    The same content that is registered under this name already gives that version back, the newest
    where there are several, without a byte sent; what else is declared becomes its own. Raises
    WrongUsage, before anything is sent, for a name that Unity Catalog refuses, for what is no
    MLflow model and for one without a signature.
    """
    check_name(registration.name, declared)
    check_registration(_KIND, registration)
    _check_keys(registration)
    path = registration.path
    if isinstance(path, Path):
        return _register_folder(connection, home, registration, path, on_progress)
    with temporary_path(_made(home), "model-") as folder:
        source = find_source(connection, path, folder, find_run)
        job = registration.job or source.job
        run = _run(find_run, job)
        wanted = replace(
            _wanted(registration, source.path),
            source=source.address,
            run=source.run,
        )
        known = Origin(source.run) if source.run else None
        note = replace(wanted.note, job=job, origin=origin_of(run) if run else known)
        return _register_content(
            connection,
            home,
            replace(wanted, note=note),
            source.path,
            scan(source.path),
            on_progress,
        )


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
    found = _same(connection, wanted) if asset.content_hash else None
    if found is not None:
        return asset_record(asset.name, found)
    with temporary_path(_made(home), "model-") as folder:
        folder.mkdir()

        def show(done: int) -> None:
            on_progress(Transfer("reading", asset.base_name, done, content.size))

        arrived = write(content, folder, show)
        check_copy(asset, arrived)
        check_signature(folder, asset.reference)
        wanted = replace(wanted, note=replace(wanted.note, content_hash=arrived))
        found = None if asset.content_hash else _same(connection, wanted)
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


def _register_folder(
    connection: Connection,
    home: Path,
    registration: Registration,
    path: Path,
    on_progress: OnProgress,
) -> Asset:
    type_ = registration.type or ASSET_KINDS[_KIND].guess_type(path)
    if type_ != TYPE:
        raise WrongUsage(
            f"{path} is a {type_}, and Unity Catalog takes MLflow models only: name a folder with a"
            " file MLmodel, such as `mlflow.pyfunc.save_model` writes"
        )
    content = scan(path, registration.names)
    return _register_content(
        connection, home, _wanted(registration, path), path, content, on_progress
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
    base_name = wanted.note.base_name
    read = counted(
        content, lambda done: on_progress(Transfer("reading", base_name, done, content.size))
    )
    content_hash = hash_content(
        content.shape, ((file.name, hash_file(file)) for file in read.files)
    )
    wanted = replace(wanted, note=replace(wanted.note, content_hash=content_hash))
    tags_of(wanted.note)  # refused before anything is sent
    found = _same(connection, wanted)
    if found is not None:
        return asset_record(wanted.name, _amended(connection, wanted, found))
    _check_version(connection, wanted)
    # MLflow sends a folder whole, and only some of its files count.
    with temporary_path(_made(home), "model-") as folder:
        folder.mkdir()
        if write(content, folder, lambda _: None) != content_hash:
            raise EnvironmentRefused(f"{path} changed while it was being read: register it again")
        return asset_record(
            wanted.name, _add(connection, wanted, folder, content.size, on_progress)
        )


def _wanted(registration: Registration, path: Path) -> _Wanted:
    base_name = path.absolute().name
    return _Wanted(
        name=registration.name,
        description=registration.description,
        note=Note(
            tags=registration.tags,
            properties=registration.properties,
            base_name=base_name,
            stage=registration.more.get("stage"),
            job=registration.job,
        ),
        source=base_name,
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


def _same(connection: Connection, wanted: _Wanted) -> Version | None:
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
            found = _begun(connection, wanted.name, request) if lost else {}
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


def _begun(connection: Connection, name: str, request: str) -> dict[str, Version]:
    """Return the versions that a request began, by number; several if an answer was lost."""
    found = {}
    for listed in all_versions(connection, name):
        version = find_version(connection, name, str(listed["version"]))
        if version and tags_of_version(version).get(REQUEST) == request:
            found[str(listed["version"])] = version
    return found


def _remove_others(connection: Connection, name: str, request: str, kept: str | None) -> None:
    """Take away what a request began besides the version that is kept."""
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


def _amended(connection: Connection, wanted: _Wanted, found: Version) -> Version:
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


def _run(find_run: FindRun, job: str | None) -> Run | None:
    """Return the run of a job, which is worth keeping and not worth failing for."""
    if job is None:
        return None
    with suppress(EnvironmentRefused, NotFound):
        return find_run(job)
    return None


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
