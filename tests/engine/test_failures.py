"""The failures of a job, as its table and its notices have them."""

from __future__ import annotations

import csv
import errno
import os
from pathlib import Path

import pytest

from runner.engine.attempt import Attempt, FileResult
from runner.engine.failures import failures, reasons, write_failures
from runner.files import atomic


def attempt(mini_batch: int, outcome: str = "done", **more: object) -> Attempt:
    return Attempt(mini_batch, 1, outcome, 0, 0.0, 0.0, **more)  # type: ignore[arg-type]


def test_failures_name_file_attempt_and_reason_in_the_order_of_the_mini_batches(
    tmp_path: Path,
) -> None:
    attempts = [
        attempt(1, "retried", reason="killed"),
        attempt(0, files=(FileResult('a,"b"\n.csv', 0, "not UTF-8"), FileResult("c.csv", 3))),
        attempt(2, files=(FileResult("d", None),), missing=1),
        attempt(1, "failed", reason="x", files=(FileResult(os.fsdecode(b"\xff"), 0, "killed"),)),
    ]
    assert len(list(failures(attempts))) == 4
    write_failures(attempts, tmp_path / "failures.csv")
    with (tmp_path / "failures.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [
            ["file", "attempt", "reason"],
            ['a,"b"\n.csv', "1", "not UTF-8"],
            ["mini-batch 1", "1", "killed"],
            ["\\udcff", "1", "killed"],
            ["mini-batch 2", "1", "mini-batch 2: run() returned 1 result too few"],
        ]


def test_failures_are_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_failures([], tmp_path / "failures.csv")
    before = (tmp_path / "failures.csv").read_bytes()

    def refuse(_: object) -> None:
        raise OSError(errno.EIO, "the disk is broken")

    monkeypatch.setattr(atomic, "sync", refuse)
    with pytest.raises(OSError, match="the disk is broken"):
        write_failures([attempt(0, "retried", reason="killed")], tmp_path / "failures.csv")
    assert (tmp_path / "failures.csv").read_bytes() == before


def test_a_settled_mini_batch_says_why_it_lost_files_once_for_each_reason() -> None:
    files = (FileResult("a", 0, "a: bad"), FileResult("b", 1), FileResult("c", 0, "c: bad"))
    assert reasons(attempt(0, files=files)) == ["a: bad", "c: bad"]
    assert reasons(attempt(0, "failed", reason="killed", files=files)) == ["mini-batch 0: killed"]
    assert reasons(attempt(3, missing=2)) == ["mini-batch 3: run() returned 2 results too few"]
    assert reasons(attempt(0)) == []
