"""Jobs over large files that are interrupted at random: the output is that of one quiet run."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import cloudpickle
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.engine import drivers
from runner.engine.journal import Standing, read_journal
from runner.engine.pieces import publish
from runner.engine.plan import read_plan
from runner.engine.run import Stopped, run
from runner.engine.slices import Slice

from .job import plan_job
from .models import inputs, lay_model

ABOVE = 30  # bytes; a slice holds about as many
BAD = "many"  # a cell that fails its file
ODD = -1.0  # of a file with it the model gives its first answer only

CELLS = st.lists(st.sampled_from([0.5, 1.5, 22.0, 333.25]), min_size=1, max_size=40)
FILES = st.lists(
    st.tuples(CELLS, st.sampled_from([None] * 6 + [BAD, ODD]), st.integers(0, 39)),
    min_size=1,
    max_size=4,
)
TROUBLES = st.lists(st.sampled_from(["", "", "", "die", "exit", "raise"]), max_size=8)
# Of a run: after how many looks it is stopped, whether it dies then, what its folder loses.
INTERRUPTIONS = st.lists(
    st.tuples(
        st.integers(0, 60), st.booleans(), st.sampled_from(["", "journal", "piece", "half a piece"])
    ),
    max_size=3,
)


class Troubled:
    """Answers with what it is given, but for the calls that its list has a trouble for.

    `calls` is a folder with a file for each call so far, whichever process made it.
    """

    def __init__(self, calls: str, troubles: list[str]) -> None:
        self.calls = calls
        self.troubles = troubles

    def predict(self, frame: Any) -> Any:
        trouble = self._next_trouble()
        if trouble == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if trouble == "exit":
            os._exit(3)
        if trouble == "raise":
            raise MemoryError("for this once")
        values = np.asarray(frame["x"])
        return values[:1] if (values == ODD).any() else values

    def _next_trouble(self) -> str:
        for number, trouble in enumerate(self.troubles):
            try:
                os.close(os.open(f"{self.calls}/{number}", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            return trouble
        return ""


class Crash(Exception):
    """The end of the process that runs the job, as far as one can play it."""


def content(cells: list[float], other: str | float | None, place: int) -> list[str]:
    """Return the cells of a file, one of them replaced."""
    texts = [f"{number}.{str(cell).partition('.')[2]}" for number, cell in enumerate(cells)]
    if other is not None:
        texts[place % len(texts)] = str(other)
    return texts


def expected(files: dict[str, list[str]]) -> str:
    """Return the output, written down without the engine."""
    lines = []
    for name, cells in sorted(files.items()):
        if BAD in cells:
            continue
        answers = cells[:1] if str(ODD) in cells else cells
        lines += [f"{row},{float(cell)},{name}\n" for row, cell in enumerate(answers)]
    return "".join(lines)


def interrupt(folder: Path, looks: int, crash: bool) -> None:
    """Run the job until it has looked so often whether it is to stop."""
    left = looks

    def stop() -> bool:
        nonlocal left
        left -= 1
        if left < 0 and crash:
            raise Crash
        return left < 0

    with contextlib.suppress(Stopped, Crash):
        run(read_plan(folder / "plan.json"), folder, began=0.0, stop=stop)


def harm(folder: Path, what: str) -> None:
    journal, pieces = folder / "journal.jsonl", sorted((folder / "pieces").glob("*"))
    if what == "journal" and journal.exists():
        journal.write_bytes(journal.read_bytes()[:-7])
    elif what == "piece" and pieces:
        pieces[len(pieces) // 2].unlink()
    elif what == "half a piece" and pieces:
        os.truncate(pieces[0], pieces[0].stat().st_size // 2)


@given(FILES, st.integers(1, 3), st.integers(1, 3), TROUBLES, INTERRUPTIONS)
@settings(deadline=None, max_examples=15)
def test_no_row_is_lost_or_there_twice_however_often_a_job_is_interrupted(
    files: list[tuple[list[float], str | float | None, int]],
    mini_batch_size: int,
    processes: int,
    troubles: list[str],
    interruptions: list[tuple[int, bool, str]],
) -> None:
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    cells = {f"{index}.csv": content(*file) for index, file in enumerate(files)}
    cells["good.csv"] = ["1.0"]
    with (
        tempfile.TemporaryDirectory() as place,
        mock.patch.object(drivers, "cut", functools.partial(drivers.cut, block=1)),
    ):
        (calls := Path(place, "calls")).mkdir()
        pickled = cloudpickle.dumps(Troubled(str(calls), troubles))
        folder = plan_job(
            Path(place),
            {name: "\n".join(["x", *texts, ""]).encode() for name, texts in cells.items()},
            model=lay_model(Path(place, "model"), inputs(x="double"), pickle=pickled),
            mini_batch_size=mini_batch_size,
            processes=processes,
            max_retries=len(troubles),
            slice_above=ABOVE,
        )
        for looks, crash, what in interruptions:
            interrupt(folder, looks, crash)
            harm(folder, what)
        plan = read_plan(folder / "plan.json")
        attempts = run(plan, folder, began=0.0)
        output = publish(plan, folder, attempts) / "predictions.csv"
        assert output.read_text() == expected(cells)
        standing = Standing(attempts)
        assert standing.rows == output.read_text().count("\n")
        assert standing.failed_files == sum(BAD in texts for texts in cells.values())
        assert read_journal(folder / "journal.jsonl") == attempts


class Talkative:
    """Prints more while it is loaded than a pipe holds."""

    def __init__(self) -> None:
        self.loaded = False  # without a state there is none to set

    def __setstate__(self, state: dict[str, Any]) -> None:
        print("." * (1 << 18), flush=True)

    def predict(self, frame: Any) -> Any:
        return np.asarray(frame["x"])


def test_a_worker_that_prints_while_files_are_cut_has_its_time_to_load(tmp_path: Path) -> None:
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    folder = plan_job(
        tmp_path,
        {"f.csv": b"x\n" + b"1.5\n" * 40},
        model=lay_model(
            tmp_path / "model", inputs(x="double"), pickle=cloudpickle.dumps(Talkative())
        ),
        slice_above=ABOVE,
    )
    cut, loading = drivers.cut, 1.5

    def cut_slowly(path: Path, size: int) -> Iterator[Slice]:
        time.sleep(loading + 0.1)
        return cut(path, size, block=1)

    with mock.patch.object(drivers, "cut", cut_slowly):
        attempts = run(read_plan(folder / "plan.json"), folder, began=0.0, loading=loading)
    assert sum(attempt.rows for attempt in attempts) == 40
