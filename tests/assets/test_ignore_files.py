"""Holds which files count against Microsoft's own SDK, which is the judge of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runner.assets.content import hash_path, scan, scan_code, scan_whole
from runner.assets.ignore_files import NEVER_CODE, find_ignore_rules
from runner.errors import WrongUsage

NAMES = st.sampled_from(["a", "b", "ab", "a.csv", ".env", "a b", "#a", "!a", "[", "__pycache__"])
FILE = st.just("file")
# No link leads up, so none leads round: there the SDK goes on until the system stops it.
TREES = st.dictionaries(
    NAMES,
    st.recursive(
        FILE | st.sampled_from(["link:a", "link:b", "link:gone"]),
        lambda inside: st.dictionaries(NAMES, inside, max_size=4),
        max_leaves=8,
    ),
    max_size=5,
)
PIECES = ["a", "b", "*", "**", "/", "?", "[ab]", "[!a]", "[^a]", "[", "]", "\\", "#", "!"]
PIECES += [" ", ".", "-", "b-a", ".env", ".csv", "\t", "__pycache__", "é"]
LINES = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
TEXTS = st.lists(LINES, max_size=5).map("\n".join)


def write(folder: Path, tree: dict[str, object]) -> None:
    folder.mkdir(exist_ok=True)
    for name, what in tree.items():
        if isinstance(what, dict):
            write(folder / name, what)
        elif str(what).startswith("link:"):
            (folder / name).symlink_to(str(what).removeprefix("link:"))
        else:
            (folder / name).write_text(name)


def sent_by_the_sdk(folder: Path) -> dict[str, str]:
    """Return the files that azure-ai-ml would upload of a folder: each name, and its real path."""
    from azure.ai.ml._utils._asset_utils import get_ignore_file, get_upload_files_from_folder

    # The SDK says it were texts.
    files: Any = get_upload_files_from_folder(folder, ignore_file=get_ignore_file(folder))
    return {name: real for real, name in files}


def bodies(folder: Path) -> dict[str, bytes]:
    return {file.name: b"".join(file.read()) for file in scan(folder).files}


@given(TREES, st.none() | TEXTS, st.none() | TEXTS)
@settings(max_examples=80, deadline=None)
@example({"b": {"a": "file", "b": "file"}}, "b/\n!b/a", None)
@example({"b": {"a": "file", "ab": {"a": "file"}}, "a": "link:b"}, None, "a\n")
@example({"a": {"b": "file"}, "b": {"a": "link:../a"}, "ab": "link:gone"}, "a/\nab", None)
@example({"a": "file"}, "", "*")
def test_the_files_that_count_are_those_that_azures_own_sdk_sends(
    tree: dict[str, object], amlignore: str | None, gitignore: str | None
) -> None:
    with TemporaryDirectory() as place:
        folder = Path(place, "folder")
        write(folder, tree)
        for name, text in ((".amlignore", amlignore), (".gitignore", gitignore)):
            if text is not None:
                (folder / name).write_text(text)
        try:
            expected = sent_by_the_sdk(folder)
        except (ValueError, re.error):  # of a pattern
            with pytest.raises(WrongUsage, match="is no pattern"):
                scan(folder)
            return
        except RuntimeError:  # of a link to itself
            with pytest.raises(WrongUsage, match="leads nowhere"):
                scan(folder)
            return
        try:
            found = bodies(folder)
        except WrongUsage as refused:
            if "leads nowhere" in str(refused):
                assert not all(Path(real).exists() for real in expected.values())
            else:
                assert expected == {}
            return
        assert found == {name: Path(real).read_bytes() for name, real in expected.items()}


@given(TREES, TEXTS)
@settings(max_examples=40, deadline=None)
def test_of_code_what_counts_is_what_the_sdk_sends_of_a_components(
    tree: dict[str, object], text: str
) -> None:
    from azure.ai.ml._utils._asset_utils import get_upload_files_from_folder
    from azure.ai.ml.entities._component.code import ComponentIgnoreFile

    assert [*ComponentIgnoreFile._COMPONENT_CODE_IGNORES, ".runner"] == list(NEVER_CODE)
    with TemporaryDirectory() as place:
        folder = Path(place, "folder")
        write(folder, tree)
        (folder / ".gitignore").write_text(text)
        try:
            found = {file.name for file in scan_code(folder).files}
        except WrongUsage:
            return
        rules = ComponentIgnoreFile(folder)
        sent: Any = get_upload_files_from_folder(folder, ignore_file=rules)
        assert found == {name for _, name in sent}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder of code as people have them: with an environment, secrets and links."""
    folder = tmp_path / "project"
    for name in ("score.py", ".env", ".venv/lib/site.py", "notes/a.md", "notes/keep.md"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / ".venv" / "python").symlink_to(sys.executable)
    (folder / ".venv" / "round").symlink_to("..")
    return folder


def names(folder: Path) -> list[str]:
    return [file.name for file in scan(folder).files]


def test_what_is_ignored_is_in_neither_the_files_nor_the_hash(project: Path) -> None:
    ignore = project / ".gitignore"
    ignore.write_text(".env\n.venv/\nnotes/\n!notes/keep.md\n")
    assert names(project) == [".gitignore", "notes/keep.md", "score.py"]
    before = hash_path(project)
    (project / ".env").write_text("SECRET=2")
    (project / "notes" / "a.md").unlink()
    assert hash_path(project) == before
    ignore.write_text(".venv/\nnotes/\n!notes/keep.md\n")
    assert hash_path(project) != before


def test_an_amlignore_counts_in_the_place_of_a_gitignore_even_where_it_is_empty(
    project: Path,
) -> None:
    (project / ".gitignore").write_text("score.py\n.venv\n")
    (project / ".amlignore").write_text(".*\n")
    assert names(project) == ["notes/a.md", "notes/keep.md", "score.py"]
    (project / ".amlignore").write_text(".venv\n")
    assert ".gitignore" in names(project)


def test_an_ignore_file_of_a_folder_below_has_no_say(project: Path) -> None:
    (project / ".gitignore").write_text(".venv\n")
    (project / "notes" / ".gitignore").write_text("*\n")
    assert "notes/a.md" in names(project)


def test_a_link_out_of_the_folder_is_no_error_where_it_is_ignored(
    project: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (project / "data").symlink_to(tmp_path / "elsewhere")
    (project / ".gitignore").write_text(".venv\n")
    with pytest.raises(WrongUsage, match="data is a link out of the folder"):
        scan(project)
    (project / ".gitignore").write_text(".venv\n/data\n")
    assert names(project) == [".env", ".gitignore", "notes/a.md", "notes/keep.md", "score.py"]


@pytest.mark.parametrize("order", [("a.csv",), ("a.csv", ".gitignore")])
def test_files_that_are_named_count_whatever_the_ignore_file_says(
    tmp_path: Path, order: tuple[str, ...]
) -> None:
    (tmp_path / "a.csv").touch()
    (tmp_path / ".gitignore").write_text("*\n")
    assert {file.name for file in scan(tmp_path, order).files} == set(order)
    assert names(tmp_path / "a.csv") == ["a.csv"]
    assert len(scan_whole(tmp_path).files) == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (".gitignore", "take the pattern out, or put an .amlignore beside it, which counts in"),
        (".amlignore", "take the pattern out$"),
    ],
)
def test_a_folder_of_which_everything_is_ignored_is_refused(
    tmp_path: Path, name: str, message: str
) -> None:
    (tmp_path / name).write_text("*\n")
    (tmp_path / "a.csv").touch()
    with pytest.raises(WrongUsage, match=rf"{name} leaves out every file of .*: {message}"):
        scan(tmp_path)


def test_code_that_is_only_what_python_left_is_none(tmp_path: Path) -> None:
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").touch()
    with pytest.raises(WrongUsage, match="has no code: name the folder that the script lies in"):
        scan_code(tmp_path)
    (tmp_path / "a.py").touch()
    assert [file.name for file in scan_code(tmp_path).files] == ["a.py"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"*.csv\n\xff\n", r"\.gitignore is not UTF-8 text: save it as UTF-8"),
        (b"*.csv\na\\\n", r"\.gitignore:2: 'a\\\\' is no pattern: correct it or take it out"),
        (b"[b-a]\n", r"\.gitignore:1: '\[b-a\]' is no pattern"),
        (b"!", r"\.gitignore:1: '!' is no pattern"),
    ],
)
def test_an_ignore_file_that_makes_no_sense_is_named_with_its_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / ".gitignore").write_bytes(content)
    with pytest.raises(WrongUsage, match=message):
        scan(tmp_path)


def test_an_ignore_file_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".amlignore").mkdir()
    with pytest.raises(WrongUsage, match=r"\.amlignore can't be read \(Is a directory\)"):
        scan(tmp_path)


def test_no_warning_of_pythons_own_comes_of_a_set_in_brackets(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("[[a]\n[a&&b]\n[a||b]\n")
    code = f"from runner.assets.content import *; scan(Path({str(tmp_path)!r}))"
    run = subprocess.run(
        [sys.executable, "-W", "always", "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stderr == ""


def test_a_folder_without_an_ignore_file_costs_two_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[object] = []
    real = os.stat

    def stat(path: str, *arguments: object, **named: object) -> os.stat_result:
        looks.append(path)
        return real(path, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", stat)
    assert find_ignore_rules(tmp_path) is None
    assert looks == [tmp_path / ".amlignore", tmp_path / ".gitignore"]
