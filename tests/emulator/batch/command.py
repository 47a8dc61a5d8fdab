"""A command job: what it is asked to do, and its work, which runs the command with bash."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.emulator.authorization import READ_BLOBS, WRITE_BLOBS
from tests.emulator.batch.places import Place, download, upload
from tests.emulator.batch.work import Failed, Work
from tests.emulator.blobs import Blobs

LOG = "user_logs/std_log.txt"
EXPRESSION = re.compile(r"\$\{\{\s*(inputs|outputs)\.(\w+)(?:\.path)?\s*\}\}")
_TRACKED = Path(__file__).with_name("tracked_command.py")
_INHERITED = ("HOME", "LANG", "LC_ALL", "TMPDIR")  # and no secret of whoever runs the tests


@dataclass(frozen=True)
class Output:
    """The place of an output, which is a single file or a folder."""

    place: Place
    uri: str
    is_file: bool


@dataclass(frozen=True)
class CommandTask:
    """The work of a command job: plain data, kept with the job."""

    workspace: str  # id
    job: str
    command: str
    code: Place | None
    values: Mapping[str, str]  # inputs that are literals
    inputs: Mapping[str, Place]
    outputs: Mapping[str, Output]
    artifacts: Place  # of its run
    experiment: str = "Default"
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None  # seconds

    def to_json(self) -> dict[str, Any]:
        """Give it as what JSON takes."""
        return asdict(self)


def command_task_from(document: Mapping[str, Any]) -> CommandTask:
    """Read what `to_json` gave."""
    code = document["code"]
    return CommandTask(
        **{
            **document,
            "code": Place(**code) if code else None,
            "artifacts": Place(**document["artifacts"]),
            "inputs": {name: Place(**place) for name, place in document["inputs"].items()},
            "outputs": {
                name: Output(**{**output, "place": Place(**output["place"])})
                for name, output in document["outputs"].items()
            },
        }
    )


@dataclass(frozen=True)
class CommandWork(Work):
    """A task, whose command runs in the code's folder and in a process group of its own."""

    task: CommandTask

    def needs(self) -> Iterator[tuple[Place, str]]:
        """Read code and inputs, and write outputs."""
        for place in (self.task.code, *self.task.inputs.values()):
            if place is not None:
                yield place, READ_BLOBS
        for output in self.task.outputs.values():
            yield output.place, WRITE_BLOBS

    def fetch(self, blobs: Blobs, folder: Path) -> None:
        """Fetch code and inputs, and make the folders of the outputs."""
        (folder / "code").mkdir(parents=True)
        if self.task.code:
            download(blobs, self.task.code.as_folder(), folder / "code")
        for name, place in self.task.inputs.items():
            target = folder / "inputs" / name
            download(blobs, place, target)
            if not any(target.iterdir()):
                raise Failed(f"The input '{name}' has no files.")
        for name, output in self.task.outputs.items():
            target = folder / "outputs" / name
            (target.parent if output.is_file else target).mkdir(parents=True, exist_ok=True)

    def begin(self, folder: Path) -> subprocess.Popen[str]:
        """Begin the command."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        # The command's `python` is the one that runs this.
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        command = ["bash", "-c", self._command(folder)]
        if self._tracks(folder):
            begun = [sys.executable, str(_TRACKED), str(folder), self.job, self.task.experiment]
            command = [*begun, *command]
        return subprocess.Popen(
            command,
            cwd=folder / "code",
            env={
                **inherited,
                "PATH": path,
                "PYTHONUNBUFFERED": "1",
                "AZUREML_RUN_ID": self.job,
                **self.task.environment_variables,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )

    def read(self, line: str) -> dict[str, Any]:
        """Return the part of the log that a printed line is."""
        return {"log": line.rstrip("\n")}

    def signal(self, process: subprocess.Popen[str], number: int) -> None:
        """Tell whatever the command began, too."""
        os.killpg(process.pid, number)

    def check(self, status: int, last: dict[str, Any]) -> None:
        """It has to end with status 0."""
        if status:
            raise Failed(
                f"Execution failed. User process 'bash' exited with status code {status}. Please"
                f" check log file '{LOG}' for error details. Error: {last.get('log', '')}"
            )

    def deliver(self, blobs: Blobs, folder: Path, last: dict[str, Any]) -> None:
        """Store what was written of each output."""
        for name, output in self.task.outputs.items():
            upload(blobs, folder / "outputs" / name, output.place)
        if (folder / "tracking.json").is_file():
            upload(blobs, folder / "artifacts", self.task.artifacts)
            place = tracking_place(self.task.artifacts, self.job)
            upload(blobs, folder / "tracking.json", place)

    def _tracks(self, folder: Path) -> bool:
        """Return whether MLflow is named: all others are spared the seconds that it takes."""
        sources = [file.read_bytes() for file in (folder / "code").rglob("*.py")]
        return any(b"mlflow" in text for text in (self.task.command.encode(), *sources))

    def _command(self, folder: Path) -> str:
        return EXPRESSION.sub(lambda found: self._value(found, folder), self.task.command)

    def _value(self, found: re.Match[str], folder: Path) -> str:
        kind, name = found.groups()
        if kind == "outputs":
            return str(folder / "outputs" / name)
        if name in self.task.values:
            return self.task.values[name]
        target = folder / "inputs" / name
        single = [file for file in target.iterdir() if file.name == self._blob_name(name)]
        return str(single[0] if single else target)

    def _blob_name(self, name: str) -> str:
        """Return the name of the one blob that an input is; none of a folder's."""
        return self.task.inputs[name].path.rpartition("/")[2]


def tracking_place(artifacts: Place, job: str) -> Place:
    """Return the place of what a job tracked, in a container that has its artifacts."""
    return Place(artifacts.account, artifacts.container, f"Tracked/{job}.json")


def command_work(task: CommandTask) -> CommandWork:
    """Return the work of a task."""
    return CommandWork(task.workspace, task.job, task.job, LOG, True, task.timeout, task)
