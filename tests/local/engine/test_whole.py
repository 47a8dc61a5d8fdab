"""Files that appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.local.engine.whole import write_whole, written_aside


def test_a_text_replaces_what_was_there_with_its_line_ends_as_they_are(tmp_path: Path) -> None:
    for text in ("before, and longer", "é\r\n\udcff\n"):
        write_whole(tmp_path / "f", text)
    assert (tmp_path / "f").read_bytes() == "é\r\n\\udcff\n".encode()
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_block_that_fails_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    def write_half() -> None:
        with written_aside(tmp_path / "f", tmp_path / "aside"):
            (tmp_path / "aside").write_text("half")
            raise ZeroDivisionError

    write_whole(tmp_path / "f", "before")
    with pytest.raises(ZeroDivisionError):
        write_half()
    assert (tmp_path / "f").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_nothing_written_aside_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), written_aside(tmp_path / "f", tmp_path / "aside"):
        pass
