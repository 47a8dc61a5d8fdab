"""One worker process: loads the driver once, then scores the mini-batches it is sent.

It talks JSON over a socket: in comes the number of a mini-batch, out goes one message each.
The lines of a mini-batch go into a file of its own; the parent publishes it, so a worker that
outlives its job can't.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from runner.errors import JobFailed
from runner.local.engine import disk, drivers
from runner.local.engine.drivers.result import Result, brief
from runner.local.engine.plan import Plan


def piece(folder: Path, mini_batch: int) -> Path:
    """Where the lines of a finished mini-batch lie."""
    return folder / "pieces" / f"{mini_batch:08d}"


def draft(folder: Path, mini_batch: int, process: int) -> Path:
    """Where a process writes a mini-batch's lines before they count.

    The process id keeps a worker that outlived a killed job out of the resumed job's drafts.
    """
    return folder / "pieces" / f"{mini_batch:08d}.{process}.draft"


def output_folder(folder: Path) -> Path:
    """Where the job's output grows; scripts find it as AZUREML_BI_OUTPUT_PATH."""
    return folder / "output"


def work(plan: Plan, folder: Path, connection: Connection, log: int, parent: int) -> None:
    """Serve mini-batches until the parent closes the connection. Called in a forked process.

    `log` is the file descriptor that takes everything printed from here on, `parent` the process
    that forked this one.
    """
    _settle(log, parent)
    os.environ.update(plan.environment_variables)
    os.environ["AZUREML_BI_OUTPUT_PATH"] = str(output_folder(folder))
    try:
        driver = drivers.load(plan)
    except JobFailed as error:
        _print_cause(error)
        _send(connection, {"kind": "unusable", "reason": str(error)})
        return
    _send(connection, {"kind": "ready"})
    while True:
        try:
            mini_batch = json.loads(connection.recv_bytes())
        except (EOFError, OSError):
            return
        _send(connection, _attempt(driver, plan, folder, mini_batch))


def _attempt(driver: drivers.Driver, plan: Plan, folder: Path, mini_batch: int) -> dict[str, Any]:
    files = [Path(plan.input) / file.name for file in plan.mini_batch(mini_batch)]
    try:
        lines = _Lines(draft(folder, mini_batch, os.getpid()))
        with lines:
            result = driver.run(files, lines.write)
    except disk.DiskFull as error:
        return {"kind": "disk_full", "reason": str(error)}
    except JobFailed as error:
        _print_cause(error)
        return {"kind": "unusable", "reason": str(error)}
    except Exception as error:
        import traceback

        traceback.print_exc()
        return {"kind": "raised", "reason": brief(error)}
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return {"kind": "scored"} | _as_message(result)


def _as_message(result: Result) -> dict[str, Any]:
    message = asdict(result)
    message["files"] = [(file.name, file.rows, file.error) for file in result.files]
    return message


class _Lines:
    """A draft's file. What the disk refuses is told apart from what a script raises."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = self._guard(lambda: path.open("wb", buffering=1 << 20))

    def write(self, lines: Any) -> None:
        self._guard(lambda: self._file.write(lines))

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self._guard(self._file.close)

    def _guard(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except OSError as error:
            if error.errno in disk.FULL:
                raise disk.DiskFull(f"{error.strerror}: {self._path.parent}") from None
            raise


def _send(connection: Connection, message: dict[str, Any]) -> None:
    try:
        connection.send_bytes(json.dumps(message).encode())
    except OSError:
        # The parent is gone: nobody is left to tell.
        os._exit(1)


def _settle(log: int, parent: int) -> None:
    """Make the fork a process of its own: its group, its output, no input, no signals meant for
    the parent."""
    # A group of its own, so that a timeout ends what the script started, too.
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _die_with_parent(parent)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(nothing)
    os.close(log)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = open(  # noqa: SIM115
            descriptor,
            "w",
            encoding="utf-8",
            errors="backslashreplace",
            buffering=1,
            closefd=False,
        )
        setattr(sys, name, stream)


def _die_with_parent(parent: int) -> None:
    """Ask Linux to end this process with its parent; elsewhere it ends at its next message."""
    if sys.platform == "linux":
        import ctypes

        parent_death_signal = 1  # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)
        # Died before we asked? Then somebody else is the parent by now.
        if os.getppid() != parent:
            os._exit(1)


def _print_cause(error: JobFailed) -> None:
    import traceback

    if error.__cause__ is not None:
        traceback.print_exception(error.__cause__)
    sys.stderr.flush()
