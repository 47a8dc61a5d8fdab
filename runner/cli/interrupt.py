"""Ctrl-C and SIGTERM: the first asks to stop, the second leaves at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from runner.cli.failure import INTERRUPTED

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruptible(note: str = "") -> Iterator[None]:
    """Within, the first Ctrl-C or SIGTERM raises KeyboardInterrupt; the next ends the process.

    `note` is a line for stderr at the first.
    """

    def stop(_number: int, _frame: FrameType | None) -> NoReturn:
        for number in _SIGNALS:
            signal.signal(number, _leave)
        if note:
            # Not print, which the signal may have come in the midst of.
            os.write(sys.stderr.fileno(), f"{note}\n".encode())
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    os._exit(INTERRUPTED)
