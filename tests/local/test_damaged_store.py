"""What is kept may be damaged: that is found before it is used, and mended by registering again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.errors import EnvironmentRefused
from runner.jobs.folder import job_folder
from runner.local import checked
from runner.local.checked import remember
from runner.local.files import check, contents, copy_out, find_damaged, link_out, store
from runner.local.health import _stored_files
from runner.project import find_project
from tests.projects import ScratchProject, make_project


def write(folder: Path, **contents: bytes) -> Path:
    folder.mkdir(parents=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


def overwrite(path: Path, content: bytes) -> None:
    """Write into a read-only file in its place, as all that are linked to it."""
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(0o444)


def cut(path: Path) -> None:
    overwrite(path, b"")


def empty(path: Path) -> None:
    overwrite(path, bytes(path.stat().st_size))


def empty_in_secret(path: Path) -> None:
    """Keep size, inode and the time of the last change."""
    status = path.stat()
    empty(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


DAMAGES = [cut, empty, empty_in_secret]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_used_nowhere_and_named(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    home = tmp_path / "home"
    tree = store(home, write(tmp_path / "source", a=b"1", b=b"2"))
    damage(tree.path / "b")
    for use in (
        lambda: check(home, tree.hash),
        lambda: contents(home, tree.hash),
        lambda: copy_out(home, tree.hash, tmp_path / "copy"),
        lambda: link_out(home, tree.hash, home / "links"),
    ):
        with pytest.raises(EnvironmentRefused) as refused:
            use()
        assert str(refused.value) == (
            f"{tree.path / 'b'} is damaged: register the asset again from its source, which mends"
            " it"
        )
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("damage", DAMAGES)
def test_storing_again_mends_all_that_has_the_content(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    home, source = tmp_path / "home", write(tmp_path / "source", a=b"1", b=b"2")
    tree = store(home, source)
    other = store(home, write(tmp_path / "other", same=b"2"))
    link_out(home, other.hash, home / "links")
    damage(tree.path / "b")
    assert store(home, source) == tree
    assert (tree.path / "b").read_bytes() == b"2"
    assert check(home, other.hash) == other.path
    assert (other.path / "same").read_bytes() == b"2"
    link_out(home, other.hash, home / "links")
    assert (home / "links" / "same").read_bytes() == b"2"
    assert (tree.path / "b").stat().st_mode & 0o222 == 0
    assert (tree.path / "b").stat().st_ino == (other.path / "same").stat().st_ino
    assert list((home / "tmp").iterdir()) == []


def test_a_single_file_and_a_list_of_files_are_mended_too(tmp_path: Path) -> None:
    home, source = tmp_path / "home", tmp_path / "model.pkl"
    source.write_bytes(b"1")
    tree = store(home, source)
    listed = home / "files" / tree.hash[:2] / tree.hash
    for damage in (cut, Path.unlink):
        for path in (tree.path, listed):
            damage(path)
            assert store(home, source) == tree
            assert check(home, tree.hash).read_bytes() == b"1"
    overwrite(listed, b"file\0")
    with pytest.raises(EnvironmentRefused, match=r"is damaged: register the asset again"):
        check(home, tree.hash)


def in_place_of(path: Path, make: Callable[[Path], object]) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    make(path)


def make_folder(path: Path) -> None:
    path.mkdir()
    (path / "in").write_bytes(b"")


@pytest.mark.parametrize("make", [Path.touch, os.mkfifo, make_folder, lambda _: None])
@pytest.mark.parametrize("shape", ["file", "folder"])
def test_whatever_lies_in_the_place_of_what_is_kept_gives_way(
    tmp_path: Path, make: Callable[[Path], object], shape: str
) -> None:
    home, source = tmp_path / "home", tmp_path / "source"
    write(source, a=b"1")
    if shape == "file":
        source /= "a"
    tree = store(home, source)
    places = [path for path in home.rglob("*") if path.relative_to(home).parts[0] != "checked.db"]
    assert len(places) == 10
    for place in places:
        in_place_of(place, make)
        assert store(home, source) == tree
        path = check(home, tree.hash)
        assert (path if shape == "file" else path / "a").read_bytes() == b"1"


def test_a_pipe_in_the_place_of_the_list_of_files_is_damage(tmp_path: Path) -> None:
    home = tmp_path / "home"
    tree = store(home, write(tmp_path / "source", a=b"1"))
    in_place_of(home / "files" / tree.hash[:2] / tree.hash, os.mkfifo)
    with pytest.raises(EnvironmentRefused, match=r"is damaged: register azureml:x:1 again"):
        check(home, tree.hash, "azureml:x:1")


def test_a_link_to_a_folder_gives_way_without_what_it_leads_to(tmp_path: Path) -> None:
    home = tmp_path / "home"
    tree = store(home, write(tmp_path / "source", a=b"1"))
    mine = write(tmp_path / "mine", b=b"2")
    (home / "links").symlink_to(mine)
    link_out(home, tree.hash, home / "links")
    assert (home / "links" / "a").read_bytes() == b"1"
    assert [path.name for path in mine.iterdir()] == ["b"]


def test_what_is_sound_elsewhere_is_laid_out_anew(tmp_path: Path) -> None:
    home = tmp_path / "home"
    tree = store(home, write(tmp_path / "source", a=b"1", b=b"2"))
    (tree.path / "a").unlink()
    (tree.path / "b").unlink()
    (tree.path / "b").write_bytes(b"3")
    assert {path.name for path, _ in find_damaged(home, tree.hash)} == {"a", "b"}
    check(home, tree.hash)
    assert {path.name: path.read_bytes() for path in tree.path.iterdir()} == {"a": b"1", "b": b"2"}
    shutil.rmtree(home / "files" / "6b")  # of "1"
    (tree.path / "a").unlink()
    with pytest.raises(EnvironmentRefused, match="/folder/a is missing: register the asset again"):
        check(home, tree.hash)


def test_what_is_unchanged_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, source = tmp_path / "home", write(tmp_path / "source", a=b"1", b=b"2")
    read: list[Path] = []
    hash_file = checked._hash

    def hash_and_note(path: Path) -> str | None:
        read.append(path)
        return hash_file(path)

    monkeypatch.setattr(checked, "_hash", hash_and_note)
    tree = store(home, source)
    store(home, source)
    for place in ("first", "second"):
        link_out(home, tree.hash, home / place)
        link_out(home, tree.hash, home / place)
        check(home, tree.hash)
    assert read == []
    shutil.rmtree(home / "first")  # the links are fewer, and so the files look other
    check(home, tree.hash)
    check(home, tree.hash)
    assert sorted(path.name for path in read) == ["a", "b"]


def test_only_reading_all_again_finds_what_nothing_tells(tmp_path: Path) -> None:
    home = tmp_path / "home"
    tree = store(home, write(tmp_path / "source", a=b"1"))
    empty(tree.path / "a")
    ((path, content_hash),) = find_damaged(home, tree.hash)
    remember(home, [(path, content_hash)])  # as if a disk had lost it
    assert find_damaged(home, tree.hash) == []
    assert find_damaged(home, tree.hash, again=True) == [(path, content_hash)]


@pytest.mark.parametrize("damaged", [b"", b"no database at all, and longer than a header" * 9])
def test_a_memory_that_is_lost_costs_only_reading(tmp_path: Path, damaged: bytes) -> None:
    home = tmp_path / "home"
    tree = store(home, write(tmp_path / "source", a=b"1"))
    (home / "checked.db").write_bytes(damaged)
    assert check(home, tree.hash) == tree.path
    (home / "checked.db").unlink(missing_ok=True)
    (home / "checked.db").mkdir()
    assert check(home, tree.hash) == tree.path
    cut(tree.path / "a")
    assert find_damaged(home, tree.hash)


def lay_out(project: ScratchProject, kind: str) -> Path:
    """Return the path of the stored model, or data."""
    name = {"models": "greeting", "data": "lines"}[kind]
    return Path(project.json(kind, "show", name)["path"])


def test_damage_is_told_before_a_job_begins_and_mended_by_registering_again(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path)
    first = project.json("score")
    model, data = (lay_out(project, kind) for kind in ("models", "data"))
    for file, what, again in (
        (data / "f001.txt", "azureml:lines:1", ("data", "register", "-f", "models/echo/data.yml")),
        (
            model / "greeting.txt",
            "azureml:greeting:1",
            ("models", "register", "-f", "models/echo/model.yml"),
        ),
    ):
        overwrite(file, file.read_bytes()[:-5])
        refused = project.run("score")
        assert refused.returncode == 3
        assert f"{file.name} is damaged: register {what} again from its source" in refused.stderr
        found = _stored_files(find_project(project.root), full=False)
        assert found.state == "failed"
        assert f"{file.name} is damaged or gone: register {what} again" in found.text
        registered = project.run(*again)
        assert registered.returncode == 0, registered.stderr
    assert project.json("score")["rows"] == first["rows"]
    assert len(project.json("jobs", "list")) == 2
    examined = project.run("env", "doctor", "--full")
    assert "of 2 model or data assets, all read again" in examined.stdout


def test_a_job_that_is_resumed_fails_over_damage_and_goes_on_once_that_is_mended(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path)
    project.deployment("settings: {mini_batch_size: 1, retry_settings: {max_retries: 0}}\n")
    sound = (project.root / "models/echo/code/score.py").read_text()
    project.script("def init(): raise ValueError('not yet')\ndef run(mini_batch): pass\n")
    assert project.run("score").returncode == 1
    (job,) = project.json("jobs", "list")
    model = lay_out(project, "models")
    overwrite(model / "greeting.txt", b"")
    project.script(sound)
    failed = project.run("jobs", "resume", job["name"])
    assert failed.returncode == 1
    assert "greeting.txt is damaged: register azureml:greeting:1 again" in failed.stderr
    project.run("models", "register", "-f", "models/echo/model.yml")
    resumed = project.run("jobs", "resume", job["name"])
    assert resumed.returncode == 0, resumed.stderr
    output = job_folder(project.home, job["name"]) / "named-outputs" / "score" / "predictions.csv"
    assert output.read_text().startswith("hello,f000.txt")


def test_a_training_job_fails_over_damaged_data(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.write("models/echo/src/fit.py", "")
    project.write(
        "models/echo/train.yml",
        "type: command\ncode: src\ncommand: cat ${{inputs.lines}}/*\n"
        "environment: {image: any, conda_file: {dependencies: [python]}}\n"
        "inputs: {lines: {type: uri_folder, path: 'azureml:lines@latest'}}\n",
    )
    project.run("data", "register", "-f", "models/echo/data.yml")
    cut(lay_out(project, "data") / "f000.txt")
    failed = project.run("train", "echo")
    assert failed.returncode == 1
    assert "f000.txt is damaged: register azureml:lines:1 again" in failed.stderr


def test_only_the_environment_that_stores_files_reads_them_again(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.write("Pulumi.dev.yaml", "config: {}\n")
    refused = project.run("env", "doctor", "dev", "--full")
    assert refused.returncode == 2
    assert "use --env local" in refused.stderr


def test_a_mended_file_has_the_time_that_it_had(tmp_path: Path) -> None:
    # A job that has scored it takes it for the same.
    (tmp_path / "source").write_text("some rows")
    path = store(tmp_path / "home", tmp_path / "source").path
    before = path.stat().st_mtime_ns
    path.chmod(0o644)
    path.write_text("some")
    assert store(tmp_path / "home", tmp_path / "source").path.read_text() == "some rows"
    assert path.stat().st_mtime_ns == before
