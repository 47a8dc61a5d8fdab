"""What a batch job is asked to do: plain data that survives a restart as `plan.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, get_args

from runner.atomic import write_whole

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
    engine: Engine = "process"  # what runs it: processes of this machine, or a Spark session


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
    python: str | None = None  # the executable that runs model and script; None: this process's
    whole_files: bool = False  # found out: the model does not answer once for each row
    parts: int = 0  # into how many parts slices divide the mini-batches; 0: there are no slices

    @property
    def mini_batches(self) -> int:
        size = self.settings.mini_batch_size
        return (len(self.files) + size - 1) // size

    def mini_batch(self, index: int) -> tuple[InputFile, ...]:
        """The files of one mini-batch; `index` counts from 0."""
        size = self.settings.mini_batch_size
        return self.files[index * size : (index + 1) * size]


def write_plan(plan: Plan, path: Path) -> None:
    """Write a plan whole or not at all. OSError when the disk refuses."""
    write_whole(path, encode(plan))


def read_plan(path: Path) -> Plan:
    """Read a plan that `write_plan` wrote."""
    return decode(path.read_bytes())


def encode(plan: Plan) -> str:
    return json.dumps(asdict(plan))


def decode(text: str | bytes) -> Plan:
    """Read what `encode` wrote."""
    document = json.loads(text)
    document["files"] = tuple(InputFile(**one) for one in document["files"])
    document["code"] = tuple(InputFile(**one) for one in document["code"])
    document["settings"] = Settings(**document["settings"])
    return Plan(**document)
