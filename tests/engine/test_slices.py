"""Whole jobs over large files: dealt out in slices, with what one call of the model gives."""

from __future__ import annotations

import pickle
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from runner.engine.plan import read_plan, write_plan

from .job import Outcome, plan_job, run_job, score
from .models import inputs, lay_model

ROWS = 20_000  # more than a few slices, which hold 4,096 rows or a multiple of them
ABOVE = 60_000  # bytes


def table(rows: int = ROWS, seed: int = 3) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {"x": random.normal(size=rows).round(4), "y": random.integers(0, 99, rows).astype(float)}
    )


def csv_of(frame: pd.DataFrame, **options: Any) -> bytes:
    return bytes(frame.to_csv(index=False, **options).encode())


@pytest.fixture(scope="module")
def regression(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a linear model: its answers show every bit of what it is fed."""
    frame = table(200, seed=1)
    model = LinearRegression().fit(frame[["x", "y"]], 3 * frame["x"] - frame["y"] / 7)
    signature = inputs(x="double", y="double")
    folder = tmp_path_factory.mktemp("regression") / "model"
    return lay_model(folder, signature, pickle=pickle.dumps(model))


@pytest.fixture(scope="module")
def long_file(
    tmp_path_factory: pytest.TempPathFactory, regression: Path
) -> tuple[bytes, bytes | None]:
    """Return a CSV file of many slices, and the output of one call over the whole of it."""
    content = csv_of(table(60_000))
    place = tmp_path_factory.mktemp("long")
    return content, score(place, {"f.csv": content}, model=regression, slice_above=0).output


class Echo:
    """Answers with the text it is given, or as `how` says."""

    def __init__(self, how: str = "echo", marks: str = "") -> None:
        self.how = how
        self.marks = marks

    def predict(self, frame: pd.DataFrame) -> Any:
        if self.how == "total":
            return np.array([frame["y"].sum(), len(frame)])
        if self.how == "drop":
            return frame["y"][frame["x"] < 3].to_numpy()
        if self.how == "rank":
            return frame["y"].rank(pct=True).to_numpy()
        if self.how == "random":
            self.random = getattr(self, "random", np.random.default_rng(0))
            return self.random.normal(size=len(frame))
        if self.how == "count":
            return np.full(len(frame), len(frame))
        if self.how == "gaps":
            gaps = frame["x"] == 5
            return pd.Series([None if gap else int(y) for gap, y in zip(gaps, frame["y"])])  # noqa: B905
        if self.how == "killed":
            self._die_three_times()
            return frame["y"].to_numpy()
        return frame["text"].to_numpy()

    def _die_three_times(self) -> None:
        import os
        import signal

        number = len(os.listdir(self.marks))  # noqa: PTH208
        if number < 3:
            try:
                os.close(os.open(f"{self.marks}/{number}", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return
            os.kill(os.getpid(), signal.SIGKILL)


def lay_echo(folder: Path, how: str, marks: Path | None = None, **columns: str) -> Path:
    """Lay out a model folder with an `Echo` and a signature of these columns."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    pickled = cloudpickle.dumps(Echo(how, str(marks)))
    return lay_model(folder, inputs(**columns), pickle=pickled)


def slices_of(outcome: Outcome) -> int:
    return sum(attempt.slice is not None for attempt in outcome.attempts)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_large_file_in_slices_gives_byte_for_byte_what_one_call_gives(
    tmp_path: Path, regression: Path, ending: str
) -> None:
    frame = table()
    if ending == "csv":
        content = csv_of(frame)
    else:
        frame.to_parquet(tmp_path / "f.parquet", row_group_size=4096)
        content = (tmp_path / "f.parquet").read_bytes()
    files = {f"a.{ending}": content, f"b.{ending}": content, "small.csv": csv_of(frame[:5])}
    whole = score(tmp_path / "whole", files, model=regression, slice_above=0)
    sliced = score(tmp_path / "sliced", files, model=regression, slice_above=ABOVE, processes=2)
    assert slices_of(whole) == 0
    assert slices_of(sliced) >= 8
    assert sliced.error is None
    assert sliced.output == whole.output
    assert sliced.output is not None
    assert sliced.output.count(b"\n") == 2 * ROWS + 5


def test_quoted_line_breaks_never_fall_between_two_slices(
    tmp_path: Path,
) -> None:
    texts = ['one\r\n"two", three', "four\n\n", "  ", "a,b", "plain"] * (ROWS // 5)
    content = csv_of(pd.DataFrame({"text": texts}))
    model = lay_echo(tmp_path / "model", "echo", text="string")
    outcomes = [
        score(tmp_path / str(above), {"f.csv": content}, model=model, slice_above=above)
        for above in (0, ABOVE)
    ]
    assert slices_of(outcomes[1]) > 1
    assert outcomes[0].output == outcomes[1].output
    assert outcomes[0].error is None


def test_a_bad_cell_fails_the_file_once_and_names_its_row_in_the_file(
    tmp_path: Path, regression: Path
) -> None:
    frame = table().astype({"x": str})
    frame.loc[15_000, "x"] = "many"
    files = {"bad.csv": csv_of(frame), "good.csv": csv_of(table())}
    outcome = score(
        tmp_path, files, model=regression, slice_above=ABOVE, processes=2, error_threshold=1
    )
    assert outcome.error is None
    errors = {file.error for attempt in outcome.attempts for file in attempt.files if file.error}
    assert errors == {"bad.csv: row 15000, column 'x': 'many' is not a double"}
    assert outcome.output is not None
    assert outcome.output.count(b",good.csv\n") == ROWS
    assert b"bad.csv" not in outcome.output


def test_the_failed_slices_of_one_file_are_one_failed_file(
    tmp_path: Path, regression: Path
) -> None:
    frame = table().astype({"x": str})
    frame.loc[[1, 6000, 12_000, 18_000], "x"] = "many"
    files = {"bad.csv": csv_of(frame), "good.csv": csv_of(table(3))}
    outcome = score(
        tmp_path, files, model=regression, slice_above=ABOVE, processes=2, error_threshold=1
    )
    assert outcome.error is None
    outcome = score(
        tmp_path / "none", files, model=regression, slice_above=ABOVE, error_threshold=0
    )
    assert outcome.error is not None
    assert outcome.error.startswith("1 file failed and error_threshold is 0")


def test_a_large_file_that_cannot_be_cut_fails_as_when_it_is_read(
    tmp_path: Path, regression: Path
) -> None:
    files = {"bad.csv": csv_of(table()) + b'1,"2\n', "good.csv": csv_of(table(3))}
    reasons = []
    for above in (0, ABOVE):
        outcome = score(tmp_path / str(above), files, model=regression, slice_above=above)
        assert outcome.error is None
        reasons.append({f.error for attempt in outcome.attempts for f in attempt.files if f.error})
        assert outcome.output is not None
        assert outcome.output.count(b"\n") == 3
    assert reasons[0] == reasons[1]
    assert len(reasons[0]) == 1


def test_a_mended_file_is_scored_anew_as_a_whole_on_resume(
    tmp_path: Path, regression: Path
) -> None:
    frame = table().astype({"x": str})
    frame.loc[15_000, "x"] = "many"
    files = {"bad.csv": csv_of(frame), "good.csv": csv_of(table())}
    first = score(tmp_path, files, model=regression, slice_above=ABOVE, processes=2)
    (tmp_path / "input" / "bad.csv").write_bytes(b"\n\n" + csv_of(table(ROWS + 9)))
    again = run_job(first.folder)
    assert again.error is None
    mended = {"bad.csv": csv_of(table(ROWS + 9)), "good.csv": csv_of(table())}
    assert again.output == score(tmp_path / "new", mended, model=regression, slice_above=0).output


def test_a_job_that_was_stopped_goes_on_with_the_slices_that_are_left(
    tmp_path: Path, regression: Path, long_file: tuple[bytes, bytes | None]
) -> None:
    content, whole = long_file
    folder = plan_job(
        tmp_path,
        {"f.csv": content},
        model=regression,
        slice_above=ABOVE,
        mini_batch_size=1,
    )
    stopped = run_job(folder, stop_after=1)
    assert stopped.stopped
    done = len(stopped.attempts)
    assert done >= 1
    finished = run_job(folder)
    assert finished.output == whole
    assert len(finished.attempts) == read_plan(folder / "plan.json").parts
    (tmp_path / "input" / "f.csv").write_bytes(csv_of(table(60_000, seed=4)))
    changed = run_job(folder)
    assert changed.error is not None
    assert changed.error.startswith("input file 'f.csv' is gone or has changed since it was scored")


def test_other_slices_on_resume_begin_the_file_anew(
    tmp_path: Path, regression: Path, long_file: tuple[bytes, bytes | None]
) -> None:
    content, whole = long_file
    folder = plan_job(tmp_path, {"f.csv": content}, model=regression, slice_above=ABOVE)
    run_job(folder, stop_after=1)
    plan = read_plan(folder / "plan.json")
    settings = replace(plan.settings, slice_above=10 * ABOVE)
    write_plan(replace(plan, settings=settings), folder / "plan.json")
    assert run_job(folder).output == whole


@pytest.mark.parametrize("how", ["rank", "random", "count"])
def test_a_model_that_looks_at_other_rows_or_at_its_calls_gets_its_files_whole(
    tmp_path: Path, how: str
) -> None:
    files = {"f.csv": csv_of(table()), "small.csv": csv_of(table(3))}
    model = lay_echo(tmp_path / "model", how, x="double", y="double")
    sliced = score(tmp_path / "sliced", files, model=model, slice_above=ABOVE)
    whole = score(tmp_path / "whole", files, model=model, slice_above=0)
    assert slices_of(sliced) == 0
    assert sliced.output == whole.output
    assert "otherwise when it is given fewer of them; files are given to it whole" in str(
        sliced.said
    )


@pytest.mark.parametrize("how", ["total", "drop"])
def test_a_model_that_does_not_answer_once_a_row_gets_its_files_whole(
    tmp_path: Path, how: str
) -> None:
    frame = table()
    frame["x"] = 0.0
    frame.loc[18_000, "x"] = 5.0
    files = {"f.csv": csv_of(frame), "small.csv": csv_of(frame[:2])}
    model = lay_echo(tmp_path / "model", how, x="double", y="double")
    sliced = score(tmp_path / "sliced", files, model=model, slice_above=ABOVE, processes=2)
    whole = score(tmp_path / "whole", files, model=model, slice_above=0)
    assert sliced.error is None
    assert sliced.output == whole.output
    assert sum("files are given to it whole" in line for line in sliced.said) == 1
    assert not any(" 1 answers " in line for line in sliced.said)
    # An attempt carries it too, so that whoever follows the job or reads its report sees it.
    warnings = [text for attempt in sliced.attempts for text in attempt.warnings]
    assert sum("files are given to it whole" in text for text in warnings) == 1
    assert slices_of(sliced) == 0
    assert read_plan(sliced.folder / "plan.json").whole_files


@pytest.mark.parametrize("stop", [False, True])
def test_a_model_whose_numbers_are_of_another_type_in_a_later_slice_gets_its_files_whole(
    tmp_path: Path, stop: bool
) -> None:
    frame = table()
    frame["x"] = 0.0
    frame.loc[18_000, "x"] = 5.0
    files = {"f.csv": csv_of(frame), "small.csv": csv_of(frame[:2])}
    model = lay_echo(tmp_path / "model", "gaps", x="double", y="double")
    folder = plan_job(tmp_path / "sliced", files, model=model, slice_above=ABOVE)
    if stop:
        assert run_job(folder, stop_after=1).stopped
    sliced = run_job(folder)
    assert sliced.output == score(tmp_path / "whole", files, model=model, slice_above=0).output
    assert any("with int64 and others with double; files are given" in s for s in sliced.said)


def test_a_model_may_say_that_it_wants_its_files_whole(tmp_path: Path) -> None:
    model = lay_echo(tmp_path / "model", "echo", y="double", text="string")
    with (model / "MLmodel").open("a") as file:
        file.write("metadata: {whole_files: true}\n")
    files = {"f.csv": csv_of(table().assign(text="a"))}
    outcome = score(tmp_path / "job", files, model=model, slice_above=ABOVE)
    assert outcome.error is None
    assert slices_of(outcome) == 0
    assert not any("given to it whole" in line for line in outcome.said)


def test_a_model_without_typed_columns_gets_its_files_whole(
    tmp_path: Path, regression: Path
) -> None:
    model = lay_model(tmp_path / "model", pickle=(regression / "model.pkl").read_bytes())
    outcome = score(tmp_path / "job", {"f.csv": csv_of(table())}, model=model, slice_above=ABOVE)
    assert outcome.error is None
    assert slices_of(outcome) == 0


def test_a_worker_killed_at_a_slice_costs_that_slice_an_attempt(tmp_path: Path) -> None:
    (tmp_path / "marks").mkdir()
    model = lay_echo(tmp_path / "model", "killed", tmp_path / "marks", x="double", y="double")
    files = {"f.csv": csv_of(table())}
    outcome = score(tmp_path / "job", files, model=model, slice_above=ABOVE, processes=2)
    whole = score(tmp_path / "whole", files, model=model, slice_above=0)
    assert len(outcome.retries) == 3
    assert outcome.output == whole.output


def test_a_file_mended_in_place_keeps_no_row_of_what_it_was(
    tmp_path: Path, regression: Path
) -> None:
    frame = table().astype({"x": str})
    frame.loc[15_000, "x"] = "many"
    bad = csv_of(frame)
    folder = plan_job(
        tmp_path,
        {"bad.csv": bad, "good.csv": csv_of(table(3))},
        model=regression,
        slice_above=ABOVE,
    )
    assert run_job(folder).error is None
    # As long as before, so that it is cut at the same places.
    lines = bad.replace(b"many", b"1.25").split(b"\n")
    lines[1] = b"7" * (len(lines[1]) - 2) + b",7"
    mended = b"\n".join(lines)
    assert len(mended) == len(bad)
    (tmp_path / "input" / "bad.csv").write_bytes(mended)
    again = run_job(folder)
    assert again.output is not None
    assert again.output.startswith(b"0,2")
    files = {"bad.csv": mended, "good.csv": csv_of(table(3))}
    assert again.output == score(tmp_path / "new", files, model=regression, slice_above=0).output


def test_a_file_that_cannot_be_cut_on_resume_leaves_no_row_of_before(
    tmp_path: Path, regression: Path
) -> None:
    frame = table().astype({"x": str})
    frame.loc[15_000, "x"] = "many"
    folder = plan_job(
        tmp_path,
        {"bad.csv": csv_of(frame), "good.csv": csv_of(table(3))},
        model=regression,
        slice_above=ABOVE,
    )
    assert run_job(folder).error is None
    (tmp_path / "input" / "bad.csv").write_bytes(csv_of(table()) + b'1,"2\n')
    again = run_job(folder)
    assert again.output is not None
    assert again.output.count(b",good.csv\n") == 3
    assert b"bad.csv" not in again.output
