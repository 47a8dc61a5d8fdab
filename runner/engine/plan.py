"""The plan of a batch job: plain data that survives a restart as `plan.json`.

Nothing else tells what a job is to do, so a copy lies beside it, for when it is damaged.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from errno import ENOENT
from pathlib import Path
from typing import Literal, get_args

from runner.engine.sealed import seal, unseal
from runner.errors import JobFailed
from runner.files.atomic import write_atomically
from runner.files.only_files import read_file

OutputAction = Literal["append_row", "summary_only"]
Engine = Literal["process", "spark"]
ENGINES: tuple[Engine, ...] = get_args(Engine)
SLICE_ABOVE = 32 * 10**6  # bytes


@dataclass(frozen=True)
class InputFile:
    """One file of the input; size and time tell whether it changed before a resume."""

    name: str  # relative to the plan's input folder
    size: int  # bytes
    modified_ns: int


@dataclass(frozen=True)
class Settings:
    """A deployment's settings after every override, with Azure's defaults."""

    mini_batch_size: int = 10  # files
    processes: int = 1  # instance_count x max_concurrency_per_instance, cores permitting
    max_retries: int = 3
    timeout: float = 30.0  # seconds, for one attempt at one mini-batch
    error_threshold: int = -1  # failed files tolerated; -1 tolerates all
    output_action: OutputAction = "append_row"
    output_file_name: str = "predictions.csv"
    slice_above: int = SLICE_ABOVE  # bytes; a larger file is dealt out in slices; 0: never
    engine: Engine = "process"  # processes of this machine, or a Spark session


@dataclass(frozen=True)
class Plan:
    """A job: a model, perhaps a scoring script, the files to score and how."""

    job: str
    input: str  # the folder that holds the files
    files: tuple[InputFile, ...]  # in the order their rows are written
    settings: Settings
    model: str | None  # folder or file; None for a script that needs no model
    script: str | None = None  # a scoring script; None: the generated MLflow driver
    code: tuple[InputFile, ...] = ()  # the Python files in the script's folder and below
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    # Those of them whose values no file holds, and where they come from when a job is resumed.
    secrets: Mapping[str, str] = field(default_factory=dict)
    python: str | None = None  # the executable that runs model and script; None: this process's
    whole_files: bool = False  # found out: the model does not answer once for each row
    parts: int = 0  # into how many parts slices divide the mini-batches; 0: there are no slices

    @property
    def mini_batches(self) -> int:
        size = self.settings.mini_batch_size
        return (len(self.files) + size - 1) // size

    def mini_batch(self, index: int) -> tuple[InputFile, ...]:
        """Return the files of one mini-batch; `index` counts from 0."""
        size = self.settings.mini_batch_size
        return self.files[index * size : (index + 1) * size]


def write_plan(plan: Plan, path: Path, *, synced: bool = True) -> None:
    """Write a plan and its copy, each whole or not at all, without the values of its secrets.

    Of the two one is sound after a power cut, as each is on the disk before the other is replaced.
    Without `synced` that is so once the caller has synced both. OSError when the disk refuses.
    """
    written = {
        name: value
        for name, value in plan.environment_variables.items()
        if name not in plan.secrets
    }
    text = encode(replace(plan, environment_variables=written)).decode()
    write_atomically(_copy_of(path), text, synced=synced)
    write_atomically(path, text, synced=synced)


def read_plan(path: Path, log: Callable[[str], object] = lambda _: None) -> Plan:
    """Read a plan that `write_plan` wrote; where it is damaged, warn and read its copy.

    Raises JobFailed where the copy is damaged, too, and FileNotFoundError where there is neither.
    """
    copy = _copy_of(path)
    damaged: list[Path] = []
    for file in (path, copy):
        try:
            plan = decode(read_file(file))
        except FileNotFoundError:
            continue
        except (IsADirectoryError, ValueError, KeyError, TypeError):
            damaged.append(file)
            continue
        if file == copy:
            log(f"warning: {path} is gone or damaged; its copy {copy} is used")
        return plan
    if not damaged:
        raise FileNotFoundError(ENOENT, os.strerror(ENOENT), str(path))
    raise JobFailed(f"{damaged[0]} is damaged and has no sound copy: start a new job")


def _copy_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.copy")


def encode(plan: Plan) -> bytes:
    return seal(asdict(plan))


def decode(text: bytes) -> Plan:
    """Read what `encode` wrote. ValueError for what is damaged; KeyError and TypeError for what
    another version of the runner wrote."""
    document = unseal(text)
    document["files"] = tuple(InputFile(**file) for file in document["files"])
    document["code"] = tuple(InputFile(**file) for file in document["code"])
    document["settings"] = Settings(**document["settings"])
    return Plan(**document)
