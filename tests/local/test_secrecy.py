"""What others on the same machine can see of a workspace: nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runner.errors import EnvironmentRefused
from runner.local import home as home_module
from runner.local.database import opened
from runner.local.files import copy_out, store
from runner.local.health import _rights
from runner.local.home import make_folder, make_home
from runner.project import find_project
from tests.projects import ScratchProject, make_project


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def seen_by_others(folder: Path) -> list[Path]:
    """Return what other users could read, write or enter below a folder that they may enter."""
    found = [folder] if mode(folder) & 0o077 else []
    if folder.is_dir() and mode(folder) & 0o011:
        found += [path for inside in folder.iterdir() for path in seen_by_others(inside)]
    return found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> ScratchProject:
    """Return a project in which a job was scored by a user with an open umask."""
    project = make_project(tmp_path_factory.mktemp("open") / "project")
    private = project.root / "models/echo/greeting/greeting.txt"
    private.chmod(0o600)
    with umask(0):
        done = project.run("score", "--output-path", str(project.root / "delivered"))
    assert done.returncode == 0, done.stderr
    return project


def test_others_see_nothing_of_a_workspace_whatever_the_umask(project: ScratchProject) -> None:
    assert seen_by_others(project.home) == []
    # Each part is closed by itself, so that a workspace in a shared folder is so, too.
    for part in project.home.iterdir():
        assert not mode(part) & 0o077, part


def test_what_is_delivered_follows_the_umask(project: ScratchProject) -> None:
    assert mode(project.root / "delivered") == 0o777
    assert mode(project.root / "delivered" / "predictions.csv") == 0o666


def test_what_is_downloaded_follows_the_umask(project: ScratchProject, tmp_path: Path) -> None:
    with umask(0o077):
        done = project.run("jobs", "download", "--output-path", str(tmp_path / "copy"))
    assert done.returncode == 0, done.stderr
    copies = [path for path in (tmp_path / "copy").rglob("*") if path.is_file()]
    assert {mode(path) for path in copies} == {0o600}


def test_a_workspace_that_was_left_open_is_closed_by_the_next_command(
    project: ScratchProject,
) -> None:
    for path in (project.home, *project.home.iterdir()):
        path.chmod(0o777 if path.is_dir() else 0o666)
    assert project.run("jobs", "list").returncode == 0
    assert seen_by_others(project.home) == []
    assert not any(mode(path) & 0o077 for path in project.home.iterdir())


@pytest.mark.parametrize(("rights", "copied"), [(0o600, 0o600), (0o640, 0o640), (0o755, 0o755)])
def test_what_is_registered_keeps_no_wider_rights_than_it_had(
    rights: int, copied: int, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_text("x")
    source.chmod(rights)
    home = tmp_path / "home"
    with umask(0):
        tree = store(home, source)
    assert mode(tree.path) == rights & 0o555
    with umask(0o022):
        copy_out(home, tree.hash, tmp_path / "copy")
    assert mode(tmp_path / "copy") == copied
    with umask(0o077):
        copy_out(home, tree.hash, tmp_path / "narrow")
    assert mode(tmp_path / "narrow") == rights & 0o700


def test_of_equal_files_the_most_private_says_who_may_read_their_copies(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for name, rights in (("open", 0o644), ("private", 0o600), ("program", 0o755)):
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(rights)
    trees = {name: store(home, tmp_path / name) for name in ("open", "private", "program")}
    assert {mode(tree.path) for tree in trees.values()} == {0o500}
    assert {mode(store(home, tmp_path / "open").path)} == {0o500}


def test_a_shared_folder_keeps_its_rights_and_hides_the_workspace_in_it(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "notes.txt").touch()
    shared.chmod(0o755)
    with umask(0):
        make_folder(shared, shared / "jobs" / "a")
        with opened(shared):
            assert mode(shared / "workspace.db") == 0o600
    assert mode(shared) == 0o755
    assert [path.name for path in seen_by_others(shared) if path != shared] == ["notes.txt"]


def test_a_link_to_a_workspace_is_as_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    (tmp_path / ".runner").symlink_to("elsewhere")
    make_home(tmp_path / ".runner")
    assert mode(tmp_path / "elsewhere") == 0o700


def test_the_workspace_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may do everything, and only root can make a folder somebody else's, so the process is
    # told that it is a third.
    owner = tmp_path.stat().st_uid or 12345
    if os.geteuid() == 0:
        os.chown(tmp_path, owner, -1)
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(EnvironmentRefused, match=r"belongs to another user .*set RUNNER_HOME to"):
        make_home(tmp_path)


def test_the_doctor_tells_of_a_workspace_that_can_not_be_closed(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> tuple[str, str]:
        link = _rights(opened_project)
        return link.state, link.text

    opened_project = find_project(project.root)
    assert told() == ("ok", f"{project.home} is its owner's alone")
    # Some file systems give everything the same rights, whatever is asked for.
    monkeypatch.setattr(home_module, "is_private", lambda _: False)
    state, text = told()
    assert state == "failed"
    assert "set RUNNER_HOME to" in text
