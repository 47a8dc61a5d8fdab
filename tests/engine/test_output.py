"""A job's output: assembled once, whole, in input order, and its failures beside it."""

from __future__ import annotations

import csv
import errno
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.engine.attempt import Attempt, FileResult
from runner.engine.layout import output_folder, piece
from runner.engine.output import discard_pieces, failures, publish, reasons, write_failures
from runner.engine.plan import InputFile, Plan, Settings
from runner.errors import JobFailed
from runner.files import atomic


def plan(files: int, **given: object) -> Plan:
    listed = tuple(InputFile(str(index), 0, 0) for index in range(files))
    settings = Settings(**{"mini_batch_size": 1, **given})  # type: ignore[arg-type]
    return Plan("job", "/in", listed, settings, None)


def attempt(mini_batch: int, outcome: str = "done", **more: object) -> Attempt:
    return Attempt(mini_batch, 1, outcome, 0, 0.0, 0.0, **more)  # type: ignore[arg-type]


def lay(folder: Path, pieces: list[bytes]) -> list[Attempt]:
    """Write the pieces, and return the attempts that they are of."""
    (folder / "pieces").mkdir()
    output_folder(folder).mkdir()
    for index, content in enumerate(pieces):
        piece(folder, (index, 0)).write_bytes(content)
    return [
        attempt(index, size=len(content), checksum=zlib.crc32(content))
        for index, content in enumerate(pieces)
    ]


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=9), st.randoms())
@settings(deadline=None, max_examples=25)
def test_pieces_are_put_end_to_end_in_input_order_whatever_order_they_were_finished_in(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], random: object
) -> None:
    folder = tmp_path_factory.mktemp("job")
    attempts = lay(folder, pieces)
    random.shuffle(attempts)  # type: ignore[attr-defined]
    assert publish(plan(len(pieces)), folder, attempts) == folder / "output"
    assert (folder / "output" / "predictions.csv").read_bytes() == b"".join(pieces)


def test_pieces_past_what_is_read_at_once_are_whole(tmp_path: Path) -> None:
    content = os.urandom(5 << 20)
    attempts = lay(tmp_path, [content, b"end"])
    publish(plan(2), tmp_path, attempts)
    assert (tmp_path / "output" / "predictions.csv").read_bytes() == content + b"end"


def test_a_failed_mini_batch_has_no_place_in_the_output_though_an_old_piece_of_it_lies_there(
    tmp_path: Path,
) -> None:
    first, _, last = lay(tmp_path, [b"a\n", b"stale\n", b"c\n"])
    publish(plan(3), tmp_path, [first, last, attempt(1, "failed")])
    assert (tmp_path / "output" / "predictions.csv").read_bytes() == b"a\nc\n"


def test_the_output_has_the_name_it_was_given_and_publishing_twice_is_harmless(
    tmp_path: Path,
) -> None:
    attempts = lay(tmp_path, [b"a\n"])
    for _ in range(2):
        publish(plan(1, output_file_name="scores.csv"), tmp_path, attempts)
    assert [path.name for path in (tmp_path / "output").iterdir()] == ["scores.csv"]
    assert not (tmp_path / "output.partial").exists()


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"\0\0")])
def test_a_piece_that_is_not_as_it_was_written_leaves_no_half_output(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    attempts = lay(tmp_path, [b"a\n", b"b\n"])
    damage(piece(tmp_path, (1, 0)))
    with pytest.raises(JobFailed, match="00000001-000000, a piece of the output, is gone or not"):
        publish(plan(2), tmp_path, attempts)
    assert list((tmp_path / "output").iterdir()) == []
    assert not (tmp_path / "output.partial").exists()


def test_pieces_are_dropped_once_published_and_dropping_them_twice_is_harmless(
    tmp_path: Path,
) -> None:
    lay(tmp_path, [b"a\n"])
    discard_pieces(tmp_path)
    discard_pieces(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["output"]


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
