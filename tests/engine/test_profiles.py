"""A job's profile as its workers make it: whatever happens on the way, it is that of its rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.engine.journal import Standing
from runner.engine.layout import pieces_folder
from runner.engine.profiles import gather, write_part
from runner.profile.column import Numbers, Opaque, Texts
from runner.profile.profile import Profile, encode

from .job import Outcome, plan_job, run_job, score

MODEL = Path(__file__).parents[2] / "models" / "diabetes" / "model"
HEADER = (
    "Pregnancies,PlasmaGlucose,DiastolicBloodPressure,TricepsThickness,SerumInsulin,BMI,"
    "DiabetesPedigree,Age\n"
)


def patients(first: int, rows: int) -> bytes:
    lines = (
        f"{row % 7},{100 + row % 60},62,{row % 9},{30 + row},{28 + row / 8},{row % 50 / 64},30\n"
        for row in range(first, first + rows)
    )
    return (HEADER + "".join(lines)).encode()


FILES = {f"{index}.csv": patients(index * 40, 40) for index in range(5)}


def profile_of(outcome: Outcome) -> Profile | None:
    assert outcome.error is None
    return gather(outcome.folder, Standing(outcome.attempts).counted())


def test_inputs_and_predictions_are_counted_as_they_are_scored(tmp_path: Path) -> None:
    profile = profile_of(score(tmp_path, FILES, model=MODEL, mini_batch_size=2, processes=2))
    assert profile is not None
    assert (profile.rows, profile.answers) == (200, 200)
    assert list(profile.inputs) == HEADER.strip().split(",")
    insulin, predicted = profile.inputs["SerumInsulin"], profile.outputs["prediction"]
    assert isinstance(insulin, Numbers)
    assert isinstance(predicted, Numbers)
    assert list(insulin.values) == list(range(30, 230))
    assert predicted.whole
    assert sum(predicted.counts) == 200


def test_however_a_job_is_cut_off_and_dealt_out_its_profile_is_the_same(tmp_path: Path) -> None:
    whole = profile_of(score(tmp_path / "whole", FILES, model=MODEL, mini_batch_size=5))
    folder = plan_job(tmp_path / "cut", FILES, model=MODEL, mini_batch_size=1, processes=2)
    assert run_job(folder, stop_after=2).stopped
    cut = profile_of(run_job(folder))
    assert whole is not None
    assert cut is not None
    assert encode(cut) == encode(whole)


def test_slices_of_a_large_file_come_to_the_profile_of_the_file(tmp_path: Path) -> None:
    files = {"large.csv": patients(0, 60_000)}
    whole, sliced = (
        score(tmp_path / name, files, model=MODEL, slice_above=above, timeout=60)
        for name, above in (("whole", 0), ("sliced", 1_000_000))
    )
    assert len(sliced.attempts) > 1
    expected, other = profile_of(whole), profile_of(sliced)
    assert expected is not None
    assert other is not None
    assert expected.rows == other.rows == 60_000
    for name, column in {**expected.inputs, **expected.outputs}.items():
        found = {**other.inputs, **other.outputs}[name]
        assert isinstance(column, Numbers)
        assert isinstance(found, Numbers)
        assert (list(found.values), list(found.counts), found.bins) == (
            list(column.values),
            list(column.counts),
            column.bins,
        )
        assert found.deviation == pytest.approx(column.deviation, rel=1e-9)


def test_a_file_that_fails_is_no_part_of_it(tmp_path: Path) -> None:
    files = {**FILES, "bad.csv": HEADER.encode() + b"1,2,3,4,5,6,7,x\n"}
    profile = profile_of(score(tmp_path, files, model=MODEL, mini_batch_size=3, max_retries=0))
    assert profile is not None
    assert profile.rows == 200


def test_of_a_script_the_columns_are_counted_that_it_returns(tmp_path: Path) -> None:
    script = """
import pandas as pd
def init(): pass
def run(paths): return pd.DataFrame({"prediction": ["yes"] * len(paths), "sure": 0.5})
"""
    profile = profile_of(score(tmp_path, {"a": b"", "b": b""}, script=script))
    assert profile is not None
    assert (profile.rows, profile.inputs, profile.answers) == (0, {}, 2)
    assert profile.outputs["prediction"] == Texts(2, 0, {"yes": 2})
    assert isinstance(profile.outputs["sure"], Numbers)


def test_a_script_that_returns_texts_has_a_profile_without_columns(tmp_path: Path) -> None:
    script = "def init(): pass\ndef run(paths): return paths\n"
    profile = profile_of(score(tmp_path, {"a": b""}, script=script))
    assert profile == Profile(0, {}, 1, {})


@pytest.mark.parametrize("damage", ["gone", "cut short"])
def test_a_profile_that_lost_a_part_is_none(tmp_path: Path, damage: str) -> None:
    outcome = score(tmp_path, FILES, model=MODEL, mini_batch_size=2)
    first, *_ = sorted(pieces_folder(outcome.folder).glob("*.profile"))
    assert first.stat().st_mode & 0o777 == 0o600
    first.unlink() if damage == "gone" else first.write_bytes(first.read_bytes()[:-7])
    assert profile_of(outcome) is None


def test_a_place_that_takes_no_profile_costs_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_part(tmp_path / "gone" / "piece", Profile(1, {"a": Opaque(1)}))
    assert "no profile of piece" in capsys.readouterr().out
