"""The result of a driver for one mini-batch, and the interface of a driver."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from runner.engine.attempt import FileResult
from runner.engine.java_cause import java_cause
from runner.engine.slices import Slice
from runner.engine.text import one_line
from runner.profile.profile import Profile

_LONGEST_REASON = 500  # characters


@dataclass(frozen=True)
class Result:
    """The files' fate and the tally of their predictions; the lines have been written."""

    files: tuple[FileResult, ...]
    tally: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
    retry: str | None = None  # the reason why another attempt may do better
    missing: int = 0  # results a script owed and did not return
    rows: int | None = None  # set where the files' own rows are not known
    # The types of the numbers that a slice was answered with, by column.
    number_types: Mapping[str, str] = field(default_factory=dict)
    # The rows that were scored and their answers; it is kept in a file of its own.
    profile: Profile | None = None


class NotOnceARow(Exception):
    """A model did not answer once for each row of a slice: it has to be given files whole."""


class Driver(Protocol):
    """Turns a mini-batch into lines; made once a process, as a script's `init()` is."""

    def run(
        self, files: Sequence[Path], write: Callable[[Any], object], slice_: Slice | None = None
    ) -> Result:
        """Score files and write their lines with `write`, in the files' order.

        With `slice_`, which only a model without a script is ever given, score that slice of the
        one file in `files`. Raises NotOnceARow where the model can't be given slices.
        """
        ...

    def close(self) -> None:
        """End what the driver began. An error that this raises is logged and fails nothing."""
        ...


def brief(error: BaseException) -> str:
    """Return one line for an exception: its type and text, or the cause of an error of Spark's."""
    if cause := java_cause(error):
        return _shortened(cause)
    text = _shortened(one_line(error))
    name = type(error).__name__
    return f"{name}: {text}" if text else name


def taken_name(error: BaseException) -> str:
    """Say what to do where the job's own code has a package named like the one that runs it; else
    empty."""
    own = __name__.partition(".")[0]
    if isinstance(error, ImportError) and (error.name or "").partition(".")[0] == own:
        return f"{own} is the package that runs this code here: give yours another name"
    return ""


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_REASON else text[: _LONGEST_REASON - 1] + "…"
