"""Shows the progress of a job on stderr: a bar on a terminal, a line elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from threading import Event, RLock, Thread
from time import monotonic
from typing import TextIO

from runner.cli.printing import columns, cut, is_terminal, printable, width
from runner.counting import many
from runner.workspace import Progress

_REDRAW_SECONDS = 0.1
_TICK = 1.0  # seconds between two looks at the clock
_WIDEST_BAR = 40
_NARROWEST_BAR = 10


class ProgressView:
    """Draws what it is shown on one line of `stream`, again and again, where that is a terminal.

    There its clock goes on while nothing is shown. Elsewhere it prints one line when it first knows
    how much there is to do. Call `clear` before anything else is printed on the terminal, or print
    it by `print_above`, and `close` at the end.
    """

    def __init__(
        self,
        job: str,
        stream: TextIO | None = None,
        clock: Callable[[], float] = monotonic,
        tick: float = _TICK,
    ) -> None:
        self._job = job
        self._stream = stream or sys.stderr
        self._clock = clock
        self._tick = tick
        self._live = is_terminal(self._stream)
        self._begun = clock()
        self._first: Progress | None = None  # a resumed job does not begin at nothing
        self._last: Progress | None = None
        self._drawn_at: float | None = None
        self._shown = False
        self._announced = False
        self._lock = RLock()  # between who shows and the clock
        self._closed = Event()

    def show(self, progress: Progress) -> None:
        """Take in how far the job has come and draw it, at most ten times a second."""
        with self._lock:
            if self._first is None:
                self._first = progress
                self._begun = self._clock()
                if self._live:
                    Thread(target=self._go_on, name="progress", daemon=True).start()
            self._last = progress
            if not self._live:
                self._announce(progress)
            elif self._drawn_at is None or self._clock() - self._drawn_at >= _REDRAW_SECONDS:
                self._draw()

    def clear(self) -> None:
        """Take the line away, so that something else can be printed."""
        with self._lock:
            if self._shown:
                self._stream.write("\r\x1b[K")
                self._stream.flush()
                self._shown = False

    def print_above(self, text: str, stream: TextIO) -> None:
        """Print a line where the progress stands, which goes on below it."""
        with self._lock:
            self.clear()
            print(text, file=stream, flush=True)
            if self._live and self._last is not None:
                self._draw()

    def close(self) -> None:
        """Leave the last state standing."""
        self._closed.set()
        with self._lock:
            if self._live and self._last is not None:
                self._draw()
                self._stream.write("\n")
                self._stream.flush()
                self._shown = False

    def _go_on(self) -> None:
        """Draw what was shown last anew, with the time it is by now."""
        while not self._closed.wait(self._tick):
            with self._lock:
                if self._shown and not self._closed.is_set():
                    try:
                        self._draw()
                    except (OSError, ValueError):  # the terminal is gone
                        return

    def _announce(self, progress: Progress) -> None:
        if progress.mini_batches and not self._announced:
            self._announced = True
            line = f"job {self._job}: {many(progress.mini_batches, progress.noun)}"
            if progress.mini_batches_done:
                line += f", {progress.mini_batches_done:,} done"
            print(line, file=self._stream, flush=True)

    def _draw(self) -> None:
        assert self._first is not None
        assert self._last is not None
        seconds = self._clock() - self._begun
        room = columns(self._stream) - 1  # a full line would wrap
        line = bar_line(self._first, self._last, seconds, room)
        self._stream.write(f"\r{line}\x1b[K")
        self._stream.flush()
        self._shown = True
        self._drawn_at = self._clock()


def bar_line(first: Progress, last: Progress, seconds: float, room: int) -> str:
    """Return the line for `last`, `seconds` after `first` was seen, in at most `room` columns.

    Speed and the time left count from `first`. Where there is little room the bar gives way
    first, then the details from the right.
    """
    if not last.mini_batches:
        return cut(f"{last.status}  {_duration(seconds)}", room)
    share = min(last.mini_batches_done / last.mini_batches, 1.0)
    details = [f"{last.mini_batches_done:,}/{many(last.mini_batches, last.noun)}"]
    if last.loading:
        details.append("loading the model")
    if last.mini_batches_done < last.mini_batches:
        details.append(_duration(seconds))
    if last.failed_files:
        details.append(f"{many(last.failed_files, 'file')} failed")
    if last.rows is not None and not last.loading:
        details.append(many(last.rows, "row"))
        if seconds > 0:
            details.append(f"{(last.rows - (first.rows or 0)) / seconds:,.0f} rows/s")
    if not last.loading:
        details.append(_time_left(first, last, seconds))
    while len(details) > 1 and _needed(share, details) > room:
        details.pop()
    text = _text(share, details)
    bar = min(room - width(text) - 3, _WIDEST_BAR)
    if bar < _NARROWEST_BAR:
        return cut(text, room)
    filled = int(bar * share)
    return f"[{'#' * filled}{'-' * (bar - filled)}] {text}"


def _needed(share: float, details: list[str]) -> int:
    return width(_text(share, details))


def _text(share: float, details: list[str]) -> str:
    return printable("  ".join([f"{int(share * 100):3d}%", *details]))


def _time_left(first: Progress, last: Progress, seconds: float) -> str:
    done = last.mini_batches_done - first.mini_batches_done
    left = last.mini_batches - last.mini_batches_done
    if left <= 0:
        return f"in {_duration(seconds)}"
    if done <= 0:
        return "ETA -:--"
    return f"ETA {_duration(seconds / done * left)}"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
