"""Telling how a process ended, and what it printed of the error that ended it."""

from __future__ import annotations

import re
import signal

from runner.engine.text import one_line

_TRACEBACK = "Traceback (most recent call last):"
# The lines that the interpreter and the C++ runtime print before they abort a process.
_FATAL = re.compile(r"^(?:Fatal Python error: |terminate called ).+$", re.MULTILINE)
_LONGEST = 500  # characters


def last_words(printed: str) -> str:
    """Return the last exception that was printed with its traceback, in one line; else an empty
    text.

    A fatal error of the interpreter or of native code counts as one.
    """
    found = _FATAL.findall(printed)
    _, traceback, frames = printed.rpartition(_TRACEBACK)
    if not found and traceback:
        # Frames are indented; the exception is not.
        found = [line for line in frames.splitlines()[1:] if line and not line[0].isspace()][:1]
    return one_line(found[-1])[:_LONGEST] if found else ""


def how_it_ended(status: int | None, printed: bytes) -> str:
    """Say how a process ended with this exit status, which is less than 0 for a signal and None
    where nobody knows it. `printed` is what it printed last."""
    if status is None:
        return "its process is gone"
    why = last_words(printed.decode(errors="replace"))
    if status >= 0:
        how = f"its process exited with status {status}"
        return f"{how} after {why}" if why else how
    number = -status
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    hint: dict[int, str] = {
        signal.SIGKILL: " (out of memory, or killed from outside)",
        signal.SIGSEGV: " (a crash in native code)",
    }
    # Whoever sends SIGKILL lets nobody say why: what was printed before is of something else.
    after = f" after {why}" if why and number != signal.SIGKILL else ""
    return f"its process was ended by {name}{hint.get(number, '')}{after}"
