from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.errors import NotFound, WrongUsage
from runner.jobs.input_paths import Chosen, choose_input, existing, input_path, unscored


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


def test_a_pipe_or_a_device_is_refused_as_what_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for given in (str(tmp_path / "pipe"), "/dev/null"):
        for type_ in (None, "uri_file", "uri_folder"):
            with pytest.raises(WrongUsage, match=f"data {given} is neither a file nor a folder"):
                choose_input(given, (), type_)


def test_another_type_than_asked_for_is_refused(tmp_path: Path) -> None:
    (tmp_path / "input.csv").touch()
    with pytest.raises(WrongUsage, match="is a folder, not a uri_file"):
        input_path(str(tmp_path), (), "uri_file")
    with pytest.raises(WrongUsage, match="is a file, not a uri_folder"):
        input_path(str(tmp_path / "input.csv"), (), "uri_folder")


@pytest.mark.parametrize("text", ["a" * 5000, "a\0b", "~nobody-of-that-name/x"])
def test_what_can_be_no_path_is_not_there(text: str) -> None:
    assert existing(text) is None


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Here: a folder `in` with files, a hidden one and subfolders."""
    monkeypatch.chdir(tmp_path)
    files = ("b.csv", "a.csv", "A.CSV", "_SUCCESS", ".x.csv", "sub/c.csv", "old.csv/d.csv")
    for name in files:
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "in"


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("in/*.csv", ("a.csv", "b.csv")),
        ("./in/?.csv", ("a.csv", "b.csv")),
        ("file://in/[ab].csv", ("a.csv", "b.csv")),
        ("in/[!a]*.csv", ("b.csv",)),
        ("in/*", ("A.CSV", "_SUCCESS", "a.csv", "b.csv")),
        ("in/.*.csv", (".x.csv",)),
    ],
)
def test_a_pattern_chooses_files_of_its_folder_as_a_shell_does(
    folder: Path, pattern: str, names: tuple[str, ...]
) -> None:
    chosen = choose_input(pattern, ())
    assert (chosen.path.resolve(), chosen.names) == (folder, names)
    assert chosen.shown == f"{folder}/{pattern.rpartition('/')[2]}"
    assert choose_input(chosen.shown, ()).names == names


def test_a_pattern_without_a_folder_is_of_this_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert choose_input("*.csv", (), "uri_folder").names == ("a.csv", "b.csv")
    monkeypatch.setenv("HOME", str(folder.parent))
    assert choose_input("~/in/*.csv", ()).path == folder


def test_a_path_that_exists_is_no_pattern(folder: Path) -> None:
    (folder / "[a].csv").touch()
    (folder / "*.csv").touch()
    assert choose_input("in/[a].csv", ()) == Chosen(Path("in/[a].csv"))
    assert choose_input("in/*.csv", ()).path.is_file()
    folder.rename(folder.with_name("in[1]"))
    assert choose_input("in[1]/?.csv", ()).names == ("*.csv", "a.csv", "b.csv")
    assert choose_input("in[1]", ()).names is None


@pytest.mark.parametrize(
    ("pattern", "error", "said"),
    [
        ("in/*.parquet", WrongUsage, "no file matches the pattern in/*.parquet"),
        ("in/s*", WrongUsage, "matches folders only, such as in/sub, which are not explored"),
        ("in/*/", WrongUsage, "is of several folders"),
        ("in/**/*.csv", WrongUsage, "is of several folders"),
        ("*/a.csv", WrongUsage, "is of several folders"),
        ("*/[a].csv", WrongUsage, "is of several folders"),
        ("no/*.csv", NotFound, "no folder no for the pattern no/*.csv"),
        ("in/a.csv/*", NotFound, "no folder in/a.csv"),
    ],
)
def test_a_pattern_that_chooses_no_file_says_why(
    folder: Path, pattern: str, error: type[Exception], said: str
) -> None:
    del folder
    with pytest.raises(error) as raised:
        choose_input(pattern, ())
    assert said in str(raised.value)


def test_a_pattern_is_a_folder(folder: Path) -> None:
    del folder
    with pytest.raises(WrongUsage, match="is a uri_folder and not a uri_file"):
        choose_input("in/*.csv", (), "uri_file")


def test_files_in_subfolders_are_told_with_their_number_and_an_example(folder: Path) -> None:
    assert unscored(folder / "sub") is None
    assert unscored(folder / "a.csv") is None
    text = unscored(Path("in"))
    assert text is not None
    assert text.startswith("2 files in subfolders are not scored, such as in/old.csv/d.csv:")
    (folder / "sub" / ".hidden").touch()
    (folder / ".git" / "x").mkdir(parents=True)
    (folder / ".git" / "x" / "y.csv").touch()
    (folder / "old.csv" / "d.csv").unlink()
    text = unscored(Path("in"))
    assert text is not None
    assert text.startswith("1 file in a subfolder is not scored, such as in/sub/c.csv:")


def test_what_is_shown_climbs_to_no_parent(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder / "sub")
    assert choose_input("..", ()).shown == str(folder)
    assert choose_input("../*.csv", ()).shown == f"{folder}/*.csv"
    (folder.parent / "elsewhere").symlink_to(folder / "sub")
    monkeypatch.chdir(folder.parent)
    assert choose_input("elsewhere/../a.csv", ()).shown == str(folder / "a.csv")
    assert choose_input("elsewhere", ()).shown == str(folder.parent / "elsewhere")
