"""One worker process: loads the driver once, then scores the mini-batches it is sent.

It talks over a socket: in comes a part of a mini-batch as JSON, or nothing when there are no
more, out goes one message each.
The lines of a part go into a file of its own; the parent publishes it, so a worker that
outlives its job can't.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import signal
import sys
import threading
import traceback
import warnings
import weakref
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, TextIO

from runner.engine import disk, drivers
from runner.engine.draft_file import DraftFile
from runner.engine.layout import draft, output_folder, profile_draft
from runner.engine.messages import (
    Hopeless,
    Message,
    Raised,
    Ready,
    Scored,
    WantsWholeFiles,
    encode,
)
from runner.engine.parts import Part, decode
from runner.engine.plan import Plan
from runner.engine.profiles import write_part
from runner.errors import JobFailed

NO_MORE = b""  # sent in place of a part when there is nothing left to score
_MOST_HEARD = 100  # warnings that are kept


def work(plan: Plan, folder: Path, connection: Connection, stdout: int, parent: int) -> None:
    """Serve mini-batches until there are no more, then end as a program does. Called in a forked
    process, which has only to exit afterwards.

    `stdout` is the file descriptor that takes everything printed from here on, `parent` the process
    that forked this one.
    """
    _settle(stdout, parent, connection.fileno())
    os.environ.update(plan.environment_variables)
    os.environ["AZUREML_BI_OUTPUT_PATH"] = str(output_folder(folder))
    heard = _listen_to_warnings()
    try:
        driver = drivers.load(plan)
    except JobFailed as error:
        _print_cause(error)
        _send(connection, Hopeless(str(error)))
        return
    _send(connection, Ready(drivers.doubts(plan, heard)))
    while (part := _receive(connection)) is not None:
        _send(connection, _attempt(driver, plan, folder, part))
    try:
        driver.close()
    finally:
        del driver
        _wind_up(plan)


def _attempt(driver: drivers.Driver, plan: Plan, folder: Path, part: Part) -> Message:
    files = [Path(plan.input) / file.name for file in part.files]
    worker = os.getpid()
    try:
        lines = DraftFile(draft(folder, part.key, os.getpid()))
        with lines:
            result = driver.run(files, lines.write, part.slice)
            if os.getpid() != worker:
                # A process that the script forked came back here: it is no worker.
                os._exit(0)
    except disk.DiskFull as error:
        return Hopeless(str(error))
    except drivers.NotOnceARow as error:
        return WantsWholeFiles(str(error))
    except JobFailed as error:
        _print_cause(error)
        return Hopeless(str(error))
    except BaseException as error:
        # Also SystemExit and KeyboardInterrupt: what a script raises costs one attempt.
        if os.getpid() != worker:
            os._exit(1)
        traceback.print_exc()
        return Raised(drivers.explain(plan, error))
    finally:
        # A script may have put anything, or nothing, in their place.
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
    if result.profile is not None:
        write_part(profile_draft(folder, part.key, worker), result.profile)
    return Scored(replace(result, profile=None), lines.checksum)


def _wind_up(plan: Plan) -> None:
    """Do what an interpreter does at its end: wait for threads, call exit handlers, and clear the
    modules of the script or model, whose open files are written out as they are let go.

    The interpreter can't end by itself: the frames, the threads and half of the libraries below
    this frame are the parent's.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    # Twice, as the interpreter does: what the first one goes through lies in such an order that the
    # second one, of a cycle, closes a file before what is below it.
    gc.collect()
    if plan.script is not None:
        _let_go(Path(plan.script).parent)
    elif plan.model is not None:
        _let_go(Path(plan.model))
    gc.collect()


def _let_go(folder: Path) -> None:
    """Let go of the modules that lie in a folder, and of what only they hold.

    As at an interpreter's end, what is let go with a module still finds the names of that module.
    Only the names that something else holds, such as a function elsewhere, are cleared.
    """
    inside = f"{folder}{os.sep}"
    marks = []
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(inside):
            del sys.modules[name]
            if isinstance(module, ModuleType):
                marks.append(_mark(vars(module)))
    del module
    gc.collect()
    for mark in marks:
        if (function := mark()) is not None:
            function.__globals__.clear()


def _mark(names: dict[str, Any]) -> weakref.ref[FunctionType]:
    """Put a function among a module's names, which lives as long as they do and leads to them."""
    function = FunctionType(_mark.__code__, names)
    names[f"{__name__}.mark"] = function
    return weakref.ref(function)


def _receive(connection: Connection) -> Part | None:
    try:
        content = connection.recv_bytes()
    except (EOFError, OSError):
        # The parent is gone: nobody is left to score for.
        os._exit(1)
    return None if content == NO_MORE else decode(content)


def _send(connection: Connection, message: Message) -> None:
    try:
        connection.send_bytes(encode(message))
    except OSError:
        # The parent is gone: nobody is left to tell.
        os._exit(1)


def _settle(stdout: int, parent: int, socket: int) -> None:
    """Make the fork a process of its own: its group, its output, no input, no signals, exit
    handlers or open files meant for the parent; it keeps its socket alone."""
    # A group of its own, so that a timeout ends what the script started, too.
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with_parent(parent)
    atexit._clear()
    gc.freeze()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(stdout, 1)
    os.dup2(stdout, 2)
    os.close(stdout)
    _leave_files(nothing, {0, 1, 2, socket, nothing})
    os.close(nothing)
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


def _leave_files(nothing: int, kept: set[int]) -> None:
    """Lead all other descriptors nowhere: the parent's journal is none of a script's business.

    They stay open, since objects of the parent that are copied here may still close them, and by
    then the numbers could be those of other files.
    """
    try:
        names = os.listdir("/dev/fd")  # noqa: PTH208 - numbers, and no paths
    except OSError:  # a container without /proc
        return
    for name in names:
        if int(name) not in kept:
            with contextlib.suppress(OSError):  # that of the listing itself is closed by now
                os.fstat(int(name))
                os.dup2(nothing, int(name), inheritable=False)


def die_with_parent(parent: int) -> None:
    """Ask Linux to end this process with its parent; elsewhere it ends at its next message."""
    if sys.platform == "linux":
        import ctypes

        parent_death_signal = 1  # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)
        # Died before we asked? Then somebody else is the parent by now.
        if os.getppid() != parent:
            os._exit(1)


def _listen_to_warnings() -> list[Warning]:
    """Keep the warnings that are given from here on; they are printed as before."""
    heard: list[Warning] = []
    show = warnings.showwarning

    def keep(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if isinstance(message, Warning) and len(heard) < _MOST_HEARD:
            heard.append(message)
        show(message, category, filename, lineno, file, line)

    warnings.showwarning = keep
    return heard


def _print_cause(error: JobFailed) -> None:
    if (cause := error.__cause__) is not None:
        traceback.print_exception(type(cause), cause, cause.__traceback__)
    sys.stderr.flush()
