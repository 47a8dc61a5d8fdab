from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import NotFound, WrongUsage
from runner.input_path import existing, input_path


def test_a_path_is_found_as_it_is_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "input.csv"
    file.touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert input_path("~/input.csv", (), "uri_file") == file
    assert input_path(f"file://{file}", ()) == file
    assert input_path("input.csv", ()) == Path("input.csv")
    assert input_path(".", (), "uri_folder") == Path()


def test_what_is_not_there_is_told_with_the_way_out() -> None:
    with pytest.raises(NotFound, match="no file or folder patients; check the path"):
        input_path("patients", ())
    with pytest.raises(NotFound, match="for the data asset write azureml:patients@latest"):
        input_path("patients", ("patients",))


def test_another_type_than_asked_for_is_refused(tmp_path: Path) -> None:
    (tmp_path / "input.csv").touch()
    with pytest.raises(WrongUsage, match="is a folder, not a uri_file"):
        input_path(str(tmp_path), (), "uri_file")
    with pytest.raises(WrongUsage, match="is a file, not a uri_folder"):
        input_path(str(tmp_path / "input.csv"), (), "uri_folder")


@pytest.mark.parametrize("text", ["a" * 5000, "a\0b", "~nobody-of-that-name/x"])
def test_what_can_be_no_path_is_not_there(text: str) -> None:
    assert existing(text) is None
