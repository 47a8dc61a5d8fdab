"""Writes what a deployment prints to the server's own log, with the deployment's name."""

from __future__ import annotations

import os
import select
import threading
import time
from contextlib import suppress

# Bytes that are read at once, as many as the system keeps in a pipe; and the longest line that is
# kept in one piece.
_CHUNK = 1 << 16
_PAUSE = 0.02  # seconds for more to come, as handing on each line by itself slows down answers
_writing = threading.Lock()  # so that lines of several processes stay whole


class Relay:
    """A pipe whose lines go to a file of the system's. Its other end is `inlet`, for a process.

    It stays open, and its lines are handed on, for as long as anybody has the other end.
    """

    def __init__(self, name: str, log: int) -> None:
        """Write `name` before each line, to the file descriptor `log`."""
        self._prefix = f"{name} | ".encode()
        self._log = log
        self._outlet, self.inlet = os.pipe()
        os.set_blocking(self._outlet, False)
        self._reading = threading.Lock()
        self._rest = b""  # of a line that has no end yet
        self._open = True

    def begin(self) -> None:
        """Let go of the process's end, once the process has it, and hand on what comes."""
        os.close(self.inlet)
        threading.Thread(target=self._watch, daemon=True).start()

    def drain(self) -> None:
        """Hand on what was printed so far, also the beginning of a line."""
        with self._reading:
            self._read()
            if self._rest:
                self._write([self._rest])
                self._rest = b""

    def _watch(self) -> None:
        waiting = select.poll()
        waiting.register(self._outlet, select.POLLIN)
        while self._open:
            waiting.poll()
            with self._reading:
                size = self._read()
            if size < _CHUNK // 2:  # a process that prints much would have to wait
                time.sleep(_PAUSE)
        os.close(self._outlet)

    def _read(self) -> int:
        """Read all that the pipe holds, once: who prints without end must not keep who waits.

        Gives the number of bytes that were there.
        """
        if not self._open:
            return 0
        with suppress(BlockingIOError):
            content = os.read(self._outlet, _CHUNK)
            if not content:
                self._open = False
            *lines, self._rest = (self._rest + content).split(b"\n")
            if self._rest and (not content or len(self._rest) > _CHUNK):
                lines, self._rest = [*lines, self._rest], b""
            if lines:
                self._write(lines)
            return len(content)
        return 0

    def _write(self, lines: list[bytes]) -> None:
        text = b"".join(self._prefix + line + b"\n" for line in lines)
        with _writing, suppress(OSError):  # nobody reads the log any more
            while text:
                text = text[os.write(self._log, text) :]
