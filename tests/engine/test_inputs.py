"""The files that a job scores, and the inputs that it refuses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.engine.inputs import changed_files, list_files
from runner.engine.plan import InputFile
from runner.errors import JobFailed

from .job import write_files


def names(path: Path) -> list[str]:
    return [file.name for file in list_files(path)[1]]


def test_the_files_of_the_top_folder_are_listed_by_name_and_sub_folders_are_not_explored(
    tmp_path: Path,
) -> None:
    write_files(tmp_path / "in", {"b.csv": b"2", "a.csv": b"1", "B.csv": b"3"})
    write_files(tmp_path / "in" / "deeper", {"0.csv": b"0"})
    folder, files = list_files(tmp_path / "in")
    assert folder == tmp_path / "in"
    assert [file.name for file in files] == ["B.csv", "a.csv", "b.csv"]
    assert [file.size for file in files] == [1, 1, 1]


def test_a_single_file_is_an_input_of_one(tmp_path: Path) -> None:
    write_files(tmp_path, {"a.csv": b"1", "b.csv": b"2"})
    folder, files = list_files(tmp_path / "b.csv")
    assert folder == tmp_path
    assert [file.name for file in files] == ["b.csv"]


@given(st.sets(st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=60)))
@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_names_are_listed_in_the_order_of_their_bytes(
    tmp_path_factory: pytest.TempPathFactory, wanted: set[str]
) -> None:
    usable = {
        name
        for name in wanted - {".", ".."}
        if len(os.fsencode(name.encode("utf-8", "ignore"))) < 256 and name.isprintable()
    } | {"a"}
    folder = tmp_path_factory.mktemp("input")
    write_files(folder, dict.fromkeys(usable, b""))
    assert names(folder) == sorted(usable, key=os.fsencode)


def test_names_of_255_bytes_of_other_alphabets_and_undecodable_ones_are_files_like_others(
    tmp_path: Path,
) -> None:
    wanted = {"n" * 251 + ".csv", "환자.csv", 'a,"b"\nc.csv', os.fsdecode(b"\xff\xfe.csv")}
    write_files(tmp_path, dict.fromkeys(wanted, b"x"))
    assert set(names(tmp_path)) == wanted


def test_a_missing_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(JobFailed, match=r"input .*nowhere does not exist"):
        list_files(tmp_path / "nowhere")


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(JobFailed, match="is an empty folder; put the files"):
        list_files(tmp_path)


def test_a_folder_with_only_sub_folders_names_one_of_them(tmp_path: Path) -> None:
    for name in ("second", "first"):
        write_files(tmp_path / name, {"a.csv": b"1"})
    with pytest.raises(JobFailed, match=r"only subfolders.* such as .*/first"):
        list_files(tmp_path)


def test_a_named_pipe_is_refused_rather_than_waited_for(tmp_path: Path) -> None:
    write_files(tmp_path, {"a.csv": b"1"})
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(JobFailed, match=r"pipe\.csv is not a regular file"):
        list_files(tmp_path)


@pytest.mark.parametrize("target", ["../outside.csv", "/etc/hostname", "../other"])
def test_a_link_that_leaves_the_folder_is_refused(tmp_path: Path, target: str) -> None:
    write_files(tmp_path, {"outside.csv": b"secret"})
    write_files(tmp_path / "other", {"a.csv": b"secret"})
    write_files(tmp_path / "in", {"a.csv": b"1"})
    (tmp_path / "in" / "link.csv").symlink_to(target)
    with pytest.raises(JobFailed, match=r"link\.csv is a link that (leaves the folder|leads)"):
        list_files(tmp_path / "in")


@pytest.mark.parametrize("target", ["nothing.csv", "link.csv"])
def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "link.csv").symlink_to(target)
    with pytest.raises(JobFailed, match="leads nowhere"):
        list_files(tmp_path)


def test_a_link_to_a_neighbour_is_a_file(tmp_path: Path) -> None:
    write_files(tmp_path, {"a.csv": b"1"})
    (tmp_path / "b.csv").symlink_to("a.csv")
    assert names(tmp_path) == ["a.csv", "b.csv"]


def test_a_linked_input_folder_may_lie_elsewhere(tmp_path: Path) -> None:
    write_files(tmp_path / "real", {"a.csv": b"1"})
    (tmp_path / "input").symlink_to("real")
    assert names(tmp_path / "input") == ["a.csv"]


def test_a_file_that_is_gone_or_differs_in_size_or_time_has_changed(tmp_path: Path) -> None:
    write_files(tmp_path, dict.fromkeys(("same", "gone", "longer", "later"), b"1"))
    files = list_files(tmp_path)[1]
    assert changed_files(tmp_path, files) == []
    (tmp_path / "gone").unlink()
    (tmp_path / "longer").write_bytes(b"11")
    os.utime(tmp_path / "later", ns=(1, 1))
    assert changed_files(tmp_path, files) == ["gone", "later", "longer"]


def test_a_listed_file_knows_its_size_and_time(tmp_path: Path) -> None:
    write_files(tmp_path, {"a": b"123"})
    os.utime(tmp_path / "a", ns=(5, 7))
    assert list_files(tmp_path)[1] == (InputFile("a", 3, 7),)
