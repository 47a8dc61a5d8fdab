"""A training job on this machine, as `az ml job create` would run it: a command and its run."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from runner.engine.sealed import seal, unseal
from runner.engine.stopped import Stopped, check_stop
from runner.errors import JobFailed
from runner.files.atomic import write_atomically
from runner.files.only_files import only_files, read_file
from runner.jobs.folder import (
    code_folder,
    command_log,
    deliver,
    delivered,
    job_folder,
    log_line,
    with_secrets,
)
from runner.local.assets import register
from runner.local.command_lock import end_orphaned_command, lock_for_command, note_command
from runner.local.tracking.diagnosis import why_empty
from runner.local.tracking.lifecycle import VARIABLES, End, begin_run, end_run
from runner.local.tracking.plan import RunPlan, plan_from
from runner.local.tracking.server import past_proxies, tracking_server
from runner.local.tracking.store import why_untracked
from runner.processes import variables_in
from runner.workspace import AssetKind, Job, Registration

_EXPRESSION = re.compile(r"\$\{\{\s*(inputs|outputs)\.(\w+)(?:\.path)?\s*\}\}")
_LOOK = 0.2  # seconds between looks at whether to stop
_GRACE = 5.0  # seconds a command has to end by itself when it is stopped


@dataclass(frozen=True)
class NamedOutput:
    """An output that becomes an asset once the job has made it."""

    kind: AssetKind
    name: str
    type: str
    version: str | None = None


@dataclass(frozen=True)
class Command:
    """The instructions of a training job: plain data, kept as `command.json`."""

    command: str | list[str]  # for the shell, or words that no shell reads
    run: RunPlan
    inputs: Mapping[str, str] = field(default_factory=dict)  # values, and paths of files
    outputs: Mapping[str, bool] = field(default_factory=dict)  # name → whether it is a folder
    registered: Mapping[str, NamedOutput] = field(default_factory=dict)  # some of the outputs
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    # The variables whose values no file holds, and where they come from when the job is resumed.
    secrets: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None  # seconds
    python: str | None = None  # of the declared environment; None: the one that runs this
    project: str | None = None  # which registers the outputs


class _OutOfTime(JobFailed):
    """The command took longer than its limit."""


def write_command(command: Command, folder: Path) -> None:
    """Write the instructions of a job, without the values of its secrets."""
    document = asdict(command)
    for name in command.secrets:
        del document["environment_variables"][name]
    write_atomically(folder / "command.json", seal(document).decode())


def read_command(folder: Path) -> Command:
    """Read the instructions of a job.

    Raises JobFailed for a damaged file, and for one of an older version of the runner.
    """
    file = folder / "command.json"
    try:
        document = unseal(read_file(file))
    except (OSError, ValueError):
        raise JobFailed(
            f"{file} is damaged, or was written by another version of runner: begin the job anew"
            " with `runner train`"
        ) from None
    try:
        run = plan_from(document.pop("run"))
        kept = document.pop("registered")
        registered = {name: NamedOutput(**output) for name, output in kept.items()}
        return Command(**document, run=run, registered=registered)
    except (KeyError, TypeError, AttributeError) as error:
        raise JobFailed(
            "it was begun by another version of runner, which wrote it down otherwise: begin it"
            " anew with `runner train`"
        ) from error


def run_command_job(
    home: Path,
    job: Job,
    stop: Callable[[], bool],
    secrets: Mapping[str, str],
    lock: int | None = None,
) -> Path | None:
    """Run the job's command as an MLflow run, publish its outputs, and register those with a name.

    `secrets` are the variables whose values the job's folder does not hold. `lock` is a descriptor
    that the command has to inherit, as it may outlive this process.
    Returns the folder of the outputs. Raises JobFailed for a command that exits with another
    status than 0 or outlives its timeout, and Stopped when `stop` says so.
    """
    folder = job_folder(home, job.name)
    command = read_command(folder)
    variables = with_secrets(command.environment_variables, command.secrets, secrets)
    command = replace(command, environment_variables=variables)
    end: End = "FAILED"
    try:
        output = _make_outputs(home, job, command, folder, stop, lock)
        end = "FINISHED"
    except (Stopped, _OutOfTime):
        end = "KILLED"
        raise
    finally:
        _end_run(home, job, command, folder, end)
    return output


def _make_outputs(
    home: Path,
    job: Job,
    command: Command,
    folder: Path,
    stop: Callable[[], bool],
    lock: int | None,
) -> Path | None:
    """Run the command, unless it has ended in an earlier attempt of the job."""
    staging, target = folder / "output", folder / "named-outputs"
    end_orphaned_command(folder)
    if not delivered(folder, target):
        with _tracking(home, command, _begin_run(home, job, command, folder, stop)) as variables:
            _run(command, folder, staging, variables, stop, lock)
        if not command.outputs:
            return None
        deliver(folder, staging, target)
    for name, named in command.registered.items():
        asset = register(
            home,
            named.kind,
            Registration(named.name, target / name, named.type, named.version, job=job.name),
            lambda _: check_stop(stop),
            command.project,
        )
        log_line(folder, f"output {name} is registered as {asset.reference}")
    return target


def _begin_run(
    home: Path, job: Job, command: Command, folder: Path, stop: Callable[[], bool]
) -> dict[str, str]:
    """Make the MLflow run of the job, and return the variables by which its command finds it."""
    untracked = why_untracked(home)
    if untracked:
        log_line(folder, untracked)
        return {}
    variables = begin_run(home, job.name, command.run, stop)
    log_line(folder, f"its MLflow run is {variables['MLFLOW_RUN_ID']}")
    return variables


@contextmanager
def _tracking(
    home: Path, command: Command, variables: Mapping[str, str]
) -> Iterator[Mapping[str, str]]:
    """Let the command reach the tracking store by these variables, and give them.

    The MLflow of another Python can't open the store itself.
    """
    if command.python is None or not variables:
        yield variables
        return
    with tracking_server(home) as address:
        yield {**variables, **address}


def _end_run(home: Path, job: Job, command: Command, folder: Path, end: End) -> None:
    """End the MLflow run of the job, if it has one, and log why it is empty."""
    run = end_run(home, job.name, end, command.run.parameters)
    if run is None:
        return
    reason = why_empty(run, command.run, str(command.command), code_folder(folder))
    if reason:
        log_line(folder, reason)


def _run(
    command: Command,
    folder: Path,
    staging: Path,
    variables: Mapping[str, str],
    stop: Callable[[], bool],
    lock: int | None,
) -> None:
    """Run the command on its copy of the code, with a staging folder for its outputs."""
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    for name, is_folder in command.outputs.items():
        if is_folder:
            (staging / name).mkdir()
    log = command_log(folder)
    check_stop(stop)
    with open(log, "ab", opener=only_files) as output, lock_for_command(folder) as held:
        process = subprocess.Popen(
            _filled_in(command, staging),
            cwd=code_folder(folder),
            env=_environment(command, variables),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[held] if lock is None else [held, lock],
        )
        note_command(held, process.pid)
    try:
        status = _wait(process, command.timeout, stop)
    finally:
        _end(process)
    if status != 0:
        raise JobFailed(f"the command {_ended(status)}; its output is in {log}")
    for name in command.outputs:
        if not (staging / name).exists():
            raise JobFailed(f"the command wrote no output {name!r}; its output is in {log}")


def _ended(status: int) -> str:
    if status < 0:
        names = {known.value: known.name for known in signal.Signals}
        return f"was killed by {names.get(-status, f'signal {-status}')}"
    return f"exited with status {status}"


def _filled_in(command: Command, staging: Path) -> list[str]:
    """Return the command with each expression replaced by its value, quoted for a shell."""

    def value(match: re.Match[str]) -> str:
        kind, name = match.groups()
        return command.inputs[name] if kind == "inputs" else str(staging / name)

    if isinstance(command.command, str):
        text = _EXPRESSION.sub(lambda match: shlex.quote(value(match)), command.command)
        return ["/bin/sh", "-c", text]
    return [_EXPRESSION.sub(value, word) for word in command.command]


def _environment(command: Command, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the command's variables: the shell's, over them the declared, over them its run's."""
    inherited = {
        key: value
        for key, value in os.environ.items()
        # By AZUREML_ scripts recognize Azure, and the variables of a run are another job's.
        # RUNNER_SPARK_MASTER and the declaration choose the Spark.
        if not key.startswith("AZUREML_")
        and key not in (*VARIABLES, "MLFLOW_REGISTRY_URI", "SPARK_REMOTE")
    }
    declared = command.environment_variables
    if command.python is not None:
        return past_proxies({**variables_in(command.python, inherited, declared), **variables})
    # The command's `python` is the one that runs this.
    path = os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", "")])
    return {**inherited, "PATH": path, **declared, **variables}


def _wait(process: subprocess.Popen[bytes], timeout: float | None, stop: Callable[[], bool]) -> int:
    deadline = time.monotonic() + timeout if timeout else None
    while True:
        try:
            return process.wait(_LOOK)
        except subprocess.TimeoutExpired:
            pass
        check_stop(stop)
        if deadline and time.monotonic() > deadline:
            raise _OutOfTime(f"the command took longer than {timeout:g} s (limits.timeout)")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the command with its process group, as the end of a job's container does on Azure.

    Processes in a session of their own go on.
    """
    deadline = time.monotonic() + _GRACE
    # macOS raises PermissionError for a group without a running process.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
        while time.monotonic() < deadline:
            process.poll()  # without this, a command that has ended stays in its group
            os.killpg(process.pid, 0)
            time.sleep(_LOOK / 4)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
