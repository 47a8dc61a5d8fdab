"""The predictions of a job: put together from its pieces once, whole and in input order."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.engine.attempt import Attempt
from runner.engine.layout import output_folder, piece
from runner.engine.pieces import discard_pieces, publish
from runner.engine.plan import InputFile, Plan, Settings
from runner.errors import JobFailed


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
    with pytest.raises(
        JobFailed, match="00000001-000000, a piece of the predictions, is gone or not"
    ):
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
