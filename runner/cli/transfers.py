"""Shows the progress of transfers on stderr, where they take a while."""

from __future__ import annotations

import sys
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, TextIO

from runner.counting import size

if TYPE_CHECKING:
    from runner.workspace import Transfer

_SILENT_SECONDS = 1.0
_REDRAW_SECONDS = 0.2
_LINE_SECONDS = 10.0  # between lines where nothing can be drawn over


class TransferView:
    """Draws one line again and again on a terminal; elsewhere prints one every ten seconds."""

    def __init__(
        self, stream: TextIO | None = None, clock: Callable[[], float] = monotonic
    ) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._lock = Lock()
        self._name: tuple[str, str] | None = None
        self._begun = 0.0
        self._shown_at: float | None = None

    def show(self, transfer: Transfer) -> None:
        """Take in how far a transfer has come; may be called from any thread."""
        from runner.cli.printing import columns, cut, is_terminal

        with self._lock:
            now = self._clock()
            if self._name != (transfer.verb, transfer.name):
                self._name = (transfer.verb, transfer.name)
                self._begun, self._shown_at = now, None
            live = is_terminal(self._stream)
            ended = transfer.bytes_done >= transfer.bytes_all
            wait = _REDRAW_SECONDS if live else _LINE_SECONDS
            last = (
                self._begun + _SILENT_SECONDS - wait if self._shown_at is None else self._shown_at
            )
            due = now - last >= wait
            if not due and not (ended and self._shown_at is not None):
                return
            self._shown_at = now
            line = cut(transfer_line(transfer, now - self._begun), columns(self._stream) - 1)
            if live:
                self._stream.write(f"\r{line}\x1b[K" + ("\n" if ended else ""))
            else:
                self._stream.write(f"{line}\n")
            self._stream.flush()


def transfer_line(transfer: Transfer, seconds: float) -> str:
    """Return a line such as `uploading model: 120 MB of 400 MB, 60 MB/s`."""
    from runner.cli.printing import printable

    line = f"{transfer.verb} {transfer.name}: {size(transfer.bytes_done)} of"
    line += f" {size(transfer.bytes_all)}"
    if seconds > 0:
        line += f", {size(transfer.bytes_done / seconds)}/s"
    return printable(line)
