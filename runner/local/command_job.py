"""A command job on this machine: a training run, as `az ml job create` would run it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from runner.errors import JobFailed
from runner.local.engine.run import Stopped
from runner.local.job_folder import command_log, deliver, delivered, job_folder
from runner.local.processes import with_all_threads
from runner.workspace import Job

_EXPRESSION = re.compile(r"\$\{\{\s*(inputs|outputs)\.(\w+)(?:\.path)?\s*\}\}")
_LOOK = 0.2  # seconds between looks at whether to stop
_GRACE = 5.0  # seconds a command has to end by itself when it is stopped


@dataclass(frozen=True)
class Command:
    """What a command job is asked to do: plain data, kept as `command.json`."""

    command: str
    code: str | None  # the folder it runs in
    inputs: Mapping[str, str] = field(default_factory=dict)  # values, and paths of files
    outputs: Mapping[str, bool] = field(default_factory=dict)  # name → whether it is a folder
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None  # seconds


def write_command(command: Command, folder: Path) -> None:
    (folder / "command.json").write_text(json.dumps(asdict(command)), encoding="ascii")


def run_command_job(home: Path, job: Job, stop: Callable[[], bool]) -> Path | None:
    """Run the job's command and publish its outputs, each whole.

    Returns the folder of the outputs. Raises JobFailed for a command that exits with another
    status than 0 or outlives its timeout, and Stopped when `stop` says so.
    """
    folder = job_folder(home, job.name)
    document = json.loads((folder / "command.json").read_text(encoding="ascii"))
    command = Command(**document)
    aside, target = folder / "output", folder / "named-outputs"
    if delivered(folder, target):
        return target
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    for name, is_folder in command.outputs.items():
        if is_folder:
            (aside / name).mkdir()
    log = command_log(folder)
    with log.open("ab") as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", _filled_in(command, aside)],
            cwd=command.code or folder,
            env=_environment(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    status = _wait(process, command.timeout, stop)
    if status != 0:
        raise JobFailed(f"the command exited with status {status}; its output is in {log}")
    for name in command.outputs:
        if not (aside / name).exists():
            raise JobFailed(f"the command wrote no output {name!r}; its output is in {log}")
    if not command.outputs:
        return None
    deliver(folder, aside, target)
    return target


def _filled_in(command: Command, aside: Path) -> str:
    """The command with each expression replaced by its value, quoted for the shell."""

    def value(match: re.Match[str]) -> str:
        kind, name = match.groups()
        return shlex.quote(command.inputs[name] if kind == "inputs" else str(aside / name))

    return _EXPRESSION.sub(value, command.command)


def _environment(command: Command) -> dict[str, str]:
    # The command's `python` is the one that runs this.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return (
        with_all_threads(os.environ)
        | {"PATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        | dict(command.environment_variables)
    )


def _wait(process: subprocess.Popen[bytes], timeout: float | None, stop: Callable[[], bool]) -> int:
    deadline = time.monotonic() + timeout if timeout else None
    while True:
        try:
            return process.wait(_LOOK)
        except subprocess.TimeoutExpired:
            pass
        if stop():
            _end(process)
            raise Stopped
        if deadline and time.monotonic() > deadline:
            _end(process)
            raise JobFailed(f"the command took longer than {timeout:g} s (limits.timeout)")


def _end(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
