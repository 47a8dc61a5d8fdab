"""Files and folders that appear complete or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import WrongUsage
from runner.files.atomic import (
    create_atomically,
    replace_atomically,
    temporary_path,
    write_atomically,
)


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_text_replaces_what_was_there_with_its_line_ends_as_they_are(tmp_path: Path) -> None:
    for text in ("before, and longer", "é\r\n\udcff\n"):
        write_atomically(tmp_path / "f", text)
    assert (tmp_path / "f").read_bytes() == "é\r\n\\udcff\n".encode()
    assert names(tmp_path) == ["f"]


def test_a_block_that_fails_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    def write_half() -> None:
        with replace_atomically(tmp_path / "f") as draft:
            draft.write_text("half")
            raise ZeroDivisionError

    write_atomically(tmp_path / "f", "before")
    with pytest.raises(ZeroDivisionError):
        write_half()
    assert (tmp_path / "f").read_text() == "before"
    assert names(tmp_path) == ["f"]


def test_a_file_may_be_drafted_in_another_folder(tmp_path: Path) -> None:
    (tmp_path / "output").mkdir()
    with replace_atomically(tmp_path / "output" / "f", tmp_path / "draft") as draft:
        draft.write_text("whole")
        assert names(tmp_path / "output") == []
    assert (tmp_path / "output" / "f").read_text() == "whole"
    assert names(tmp_path) == ["output"]


def test_a_replacement_that_was_not_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replace_atomically(tmp_path / "f"):
        pass


@pytest.mark.parametrize("only", [None, "f"])
def test_what_is_created_appears_in_the_end_with_the_folders_above_it(
    tmp_path: Path, only: str | None
) -> None:
    target = tmp_path / "deep" / "target"
    with create_atomically(target, only) as folder:
        folder.mkdir()
        (folder / "f").write_text("whole")
        assert not target.exists()
    assert (target if only else target / "f").read_text() == "whole"
    assert names(target.parent) == ["target"]


@pytest.mark.parametrize("only", [None, "f"])
def test_what_was_there_or_came_meanwhile_is_never_replaced_by_what_is_created(
    tmp_path: Path, only: str | None
) -> None:
    target = tmp_path / "target"

    def come_second() -> None:
        with create_atomically(target, only) as folder:
            folder.mkdir()
            (folder / "f").touch()
            target.write_text("first")

    with pytest.raises(WrongUsage, match="target exists already: remove it"):
        come_second()
    with (
        pytest.raises(WrongUsage, match="target exists already: remove it"),
        create_atomically(target),
    ):
        pytest.fail("it must not come to that")
    assert target.read_text() == "first"
    assert names(tmp_path) == ["target"]


def test_temporary_paths_differ_and_leave_nothing_behind(tmp_path: Path) -> None:
    with temporary_path(tmp_path, "a.") as file, temporary_path(tmp_path, "a.") as folder:
        file.touch()
        (folder / "below").mkdir(parents=True)
        assert sorted(names(tmp_path)) == sorted([file.name, folder.name])
        assert file.name.startswith("a.")
    assert names(tmp_path) == []
