"""What a process printed of the error that ended it."""

from __future__ import annotations

import re

from runner.engine.text import one_line

_TRACEBACK = "Traceback (most recent call last):"
# What the interpreter and the C++ runtime print before they abort a process.
_FATAL = re.compile(r"^(?:Fatal Python error: |terminate called ).+$", re.MULTILINE)
_LONGEST = 500  # characters


def last_words(printed: str) -> str:
    """The last exception that is printed with its traceback, in one line; empty where none is.

    A fatal error of the interpreter or of native code counts as one.
    """
    found = _FATAL.findall(printed)
    _, traceback, frames = printed.rpartition(_TRACEBACK)
    if not found and traceback:
        # Frames are indented; the exception is not.
        found = [line for line in frames.splitlines()[1:] if line and not line[0].isspace()][:1]
    return one_line(found[-1])[:_LONGEST] if found else ""
