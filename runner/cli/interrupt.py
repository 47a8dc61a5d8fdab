"""Handles Ctrl-C and SIGTERM: the first asks to stop, the second leaves at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from runner.cli.failure import INTERRUPTED

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class Interruption:
    """Remembers that somebody asked to stop, as a library may swallow what is raised then."""

    asked: bool = False

    def check(self) -> None:
        """Raise KeyboardInterrupt where it was swallowed."""
        if self.asked:
            raise KeyboardInterrupt


@contextmanager
def interruptible(note: str = "") -> Iterator[Interruption]:
    """Let the first Ctrl-C or SIGTERM raise KeyboardInterrupt, and the next end the process.

    `note` is a line for stderr at the first.
    """
    interruption = Interruption()

    def stop(_number: int, _frame: FrameType | None) -> NoReturn:
        for number in _SIGNALS:
            signal.signal(number, _leave)
        interruption.asked = True
        if note:
            # Not print, which the signal may have come in the midst of.
            os.write(sys.stderr.fileno(), f"{note}\n".encode())
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    os._exit(INTERRUPTED)
