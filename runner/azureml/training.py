"""Submits a declared training job, of any kind, to a workspace of Azure."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.assets.content import hash_file, scan
from runner.assets.kinds import INPUT_TYPES, kind_of_type
from runner.azureml.assets import send_unchanged
from runner.azureml.codes import SEGMENT as CODES
from runner.azureml.codes import register_code
from runner.azureml.environments import declared_environment, environment_id
from runner.azureml.inputs import asset_id, find_input
from runner.azureml.jobs import job_record
from runner.azureml.local_parts import Part, Unsent, parts_of
from runner.azureml.registered import get_asset
from runner.azureml.sdk import place_near, send_written, translated_sdk_errors, write
from runner.azureml.sdk_gaps import check_gaps, mend_gaps
from runner.azureml.storage import is_address, storage_of
from runner.azureml.submission import UNCERTAIN, begin_job, name_job
from runner.declarations import CommandJob, SparkJob, parse_reference
from runner.declarations.document import MappingNode, Node
from runner.declarations.job import Job as DeclaredJob
from runner.declarations.job import name_of
from runner.declarations.problem import refusal
from runner.declarations.reader import plain
from runner.errors import NotFound, WrongUsage
from runner.jobs.input_paths import check_type, existing
from runner.jobs.kinds import JOB_KINDS
from runner.jobs.polling import first_pause
from runner.jobs.training import find_training_job, folder_of, other_input
from runner.workspace import OnProgress

if TYPE_CHECKING:
    from azure.core.rest import HttpResponse

    from runner.azureml.connection import Connection
    from runner.declarations import Catalog
    from runner.workspace import Assets, Job, TrainingRequest

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9]+")
_CODE = re.compile(r"(?:azureml:)?(?:(/subscriptions/.+)|([^:/@]+):([^:/@]+))")
_REFERENCE = re.compile(r"[^:/@\\]+(?::[^:/@\\]+|@latest)")
_OUT = "azureml://datastores/<name>/paths/<path>"
_SERVERLESS = "serverless"  # a compute that no workspace lists


def train(
    connection: Connection,
    catalog: Catalog,
    request: TrainingRequest,
    assets: Assets,
    on_progress: OnProgress,
) -> Job:
    """Submit a model folder's training job, and return it as Azure accepted it.

    Its code, environments and files are registered first, if they are not yet. Then azure-ai-ml
    writes the request, with a name that is made here, so that a lost answer leaves no second job.
    Raises as `find_training_job` and `environment_id`, WrongUsage, NotFound, EnvironmentRefused
    and Interrupted; then there is no job, or the error names it.
    """
    first_pause()  # a wrong RUNNER_POLL_INTERVAL must be refused before there is a job
    declared = find_training_job(catalog, request)
    if declared.type == "parallel":
        text = "Azure takes none by itself: make it a step of a pipeline job"
        raise _refused(declared, "type", f"found {JOB_KINDS['parallel'].noun}, {text}")
    stem = declared.name or f"{folder_of(declared)}-{name_of(declared)}"
    stem = _NOT_IN_A_NAME.sub("-", stem).strip("-")
    entity = _read(declared, request)
    parts = _parts(declared, entity)
    placing = _Placing(connection, catalog, declared, stem, assets, on_progress)
    for part in parts:  # before anything is sent
        placing.check(part)
    for part in parts:
        placing.place(part)
    return _begin(connection, declared, stem, entity)


def _begin(connection: Connection, declared: DeclaredJob, stem: str, entity: Any) -> Job:
    name = name_job(stem, uuid.uuid4().hex)
    entity.name = name
    what = f"begin job {name}"
    request = write(
        connection,
        ("jobs", name),
        lambda client: client.jobs.create_or_update(entity),
        f"send {declared.file}",
        declared.source,
    )

    def put() -> HttpResponse:
        return send_written(connection, request, UNCERTAIN, "never", what)

    return job_record(connection, begin_job(connection, name, put))


def _read(declared: DeclaredJob, request: TrainingRequest) -> Any:
    """Return the job as azure-ai-ml reads it, with the inputs of the call in place of declared."""
    with translated_sdk_errors(f"read {declared.file}", declared.source):
        from azure.ai.ml import load_job

        changes = [_change(declared, name, value) for name, value in request.inputs.items()]
        job = load_job(declared.file, params_override=changes)
        mend_gaps(job)
    check_gaps(declared)
    return job


def _change(declared: DeclaredJob, name: str, value: str) -> dict[str, Any]:
    """Return the change that an input of the call makes, as `load_job` takes it."""
    inputs = declared.source.entries["inputs"]
    assert isinstance(inputs, MappingNode)
    node = inputs.entries[name]
    if isinstance(node, MappingNode) and node.entries.keys() != {"value"}:
        plain_path = value.removeprefix("file://")
        known = plain_path.startswith(("azureml:", "/subscriptions/")) or "://" in plain_path
        return {f"inputs.{name}.path": value if known else str(Path(plain_path).absolute())}
    return {f"inputs.{name}": _typed(value, node)}


def _typed(value: str, node: Node) -> object:
    """Return a value of the call in the type of the declared one, which a pipeline's steps need."""
    old = plain(node.entries["value"] if isinstance(node, MappingNode) else node)
    if isinstance(old, str):
        return value
    import yaml

    new = yaml.safe_load(value)
    return new if isinstance(new, bool | int | float) else value


def _parts(declared: DeclaredJob, entity: Any) -> list[Part]:
    try:
        return list(parts_of(entity, declared.file.parent))
    except Unsent as unsent:
        raise _refused(declared, unsent.key, unsent.way) from None


def _refused(declared: DeclaredJob, key: str, text: str) -> WrongUsage:
    return refusal(place_near(declared.source, key.split(".")), key, text)


@dataclass
class _Placing:
    """Replaces the parts of a job by addresses and ids that the workspace knows."""

    connection: Connection
    catalog: Catalog
    declared: DeclaredJob
    stem: str
    assets: Assets
    on_progress: OnProgress
    _codes: dict[Path, str] = field(default_factory=dict)
    _computes: set[str] = field(default_factory=set)

    def check(self, part: Part) -> None:
        """Raise NotFound or WrongUsage for a part that is missing or can't be used."""
        if part.kind == "compute":
            self._check_compute(part)
        elif part.kind == "input":
            path = self._local(part)
            if path is not None:
                name = part.key.rpartition(".")[2]
                found = existing(path)
                if found is None:
                    raise NotFound(f"input {name}: no file or folder {path}; {other_input(name)}")
                check_type(found, part.type)
        elif part.kind == "code":
            self._code_folder(part)
        elif part.kind == "output" and self._local(part) is not None:
            raise _refused(
                self.declared,
                part.key,
                f"found {part.value!r} of this machine, where no cluster writes, allowed: {_OUT}",
            )

    def place(self, part: Part) -> None:
        """Register a part that is on this machine, and put its id or address in its place."""
        if part.kind == "code":
            part.put(self._code(part))
        elif part.kind == "environment":
            part.put(self._environment(part))
        elif part.kind == "input":
            part.put(self._input(part))

    def _check_compute(self, part: Part) -> None:
        name, connection = str(part.value), self.connection
        if name == "local":
            raise _refused(
                self.declared,
                part.key,
                "found 'local', which trains here: allowed in a workspace is azureml:<name>",
            )
        if "/" in name or name == _SERVERLESS or name in self._computes:
            return
        if connection.arm.find("computes", name) is None:
            raise connection.missing(
                "compute",
                name,
                lambda: [str(found["name"]) for found in connection.arm.pages("computes")],
            )
        self._computes.add(name)

    def _code_folder(self, part: Part) -> Path | None:
        """Return the folder of code; None for a reference."""
        text = str(part.value)
        path = existing(part.folder / text)
        if path is not None:
            return path
        if _CODE.fullmatch(text):
            return None
        if "://" in text or text.startswith(("azureml:", "git+")):
            raise _refused(
                self.declared,
                part.key,
                f"found {text!r}, allowed: a folder, or azureml:<name>:<version>",
            )
        raise WrongUsage(f"{part.folder / text} does not exist: check the path")

    def _code(self, part: Part) -> str:
        folder = self._code_folder(part)
        if folder is None:
            reference = str(part.value)
        else:
            if folder not in self._codes:
                self._codes[folder] = register_code(
                    self.connection, self.stem, folder, self.on_progress
                )
            reference = self._codes[folder]
        found = _CODE.fullmatch(reference)
        assert found is not None
        whole, code, version = found.groups()
        return whole or f"{self.connection.outputs.resource_id}/{CODES}/{code}/versions/{version}"

    def _environment(self, part: Part) -> str:
        if isinstance(self.declared, CommandJob | SparkJob):
            source: Any = self.declared.environment
        elif isinstance(part.value, str):
            text = part.value
            prefixed = text.startswith("azureml:")
            source = parse_reference(text if prefixed else f"azureml:{text}", "environments")
        else:
            source = declared_environment(part.value, self.declared, part.folder)
        return environment_id(self.connection, self.catalog, source, self.on_progress)

    def _local(self, part: Part) -> Path | None:
        """Return the path of an input on this machine; None for an address or a reference."""
        text = part.value.removeprefix("file://")
        if "://" in text or text.startswith(("azureml:", "/subscriptions/")):
            return None
        path = part.folder / text
        return None if _REFERENCE.fullmatch(text) and existing(path) is None else path

    def _input(self, part: Part) -> str:
        path, text = self._local(part), part.value
        if path is not None:
            if part.type in INPUT_TYPES and part.datastore is None:
                return self._found(str(path), part.type)
            return self._sent(part, path)
        if text.startswith(("/subscriptions/", "azureml://registries/")):
            prefixed = text if text.startswith("azureml:") else f"azureml:{text}"
            if "/paths/" not in text and not parse_reference(prefixed).exact:
                raise WrongUsage(f"{text} is in another place: name its version")
            return str(text)
        if is_address(text) or text.startswith("azureml://jobs/"):
            return str(text)
        short = text if "://" in text or text.startswith("azureml:") else f"azureml:{text}"
        if part.type in INPUT_TYPES:
            return self._found(short, part.type)
        if "://" in short:
            return str(short)
        asset = get_asset(self.connection, kind_of_type(part.type), short)
        return asset_id(self.connection, asset)

    def _found(self, asked: str, type_: str) -> str:
        return find_input(self.connection, self.catalog, asked, type_, self.assets).uri

    def _sent(self, part: Part, path: Path) -> str:
        """Upload files of this machine, unless they are there, and return their address."""
        content = scan(path)
        hashes = {file.name: hash_file(file) for file in content.files}
        store = (part.datastore or "").removeprefix("azureml:") or None
        place = send_unchanged(
            self.connection, path.resolve(), content, hashes, self.on_progress, "train again", store
        )
        return storage_of(self.connection).long_uri(place)
