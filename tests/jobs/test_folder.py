"""A job's output gets its place whole, and what a killed job left on the way goes again."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from runner.errors import JobFailed
from runner.jobs import folder as job_folder
from runner.jobs.folder import copy_beside, deliver, delivered, reserve
from runner.local.database import opened
from runner.local.job_records import insert_job
from runner.local.removal import remove_jobs
from runner.workspace import Job, JobStatus

ELSEWHERE = Path("/dev/shm")  # noqa: S108 - another file system, where there is one

KILLED = """
import os, signal, sys
from pathlib import Path
import shutil
from runner.jobs.folder import deliver

def copy(source, target, **_):
    target.mkdir()
    (target / "half").write_text("1")
    os.kill(os.getpid(), signal.SIGKILL)

shutil.copytree = copy
folder, target = map(Path, sys.argv[1:])
deliver(folder, folder / "output", target)
"""


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def make_output(folder: Path) -> Path:
    (folder / "output").mkdir(parents=True)
    (folder / "output" / "predictions.csv").write_text("0,1,a.csv\n")
    return folder


@pytest.mark.skipif(not ELSEWHERE.is_dir(), reason="there is no other file system here")
def test_a_kill_while_copying_to_another_file_system_leaves_nothing_for_good(
    tmp_path: Path,
) -> None:
    folder = make_output(tmp_path / "jobs" / "echo-abc")
    with TemporaryDirectory(dir=ELSEWHERE) as place:
        target = Path(place, "out")
        for _ in range(2):
            killed = subprocess.run(
                [sys.executable, "-c", KILLED, folder, target],
                cwd=Path(__file__).parents[1],
                check=False,
            )
            assert killed.returncode == -signal.SIGKILL
            assert names(Path(place)) == [".out.echo-abc.partial"]
        deliver(folder, folder / "output", target)
        assert names(Path(place)) == ["out"]
        assert (target / "predictions.csv").read_text() == "0,1,a.csv\n"
        assert delivered(folder, target)


def test_a_job_that_is_removed_takes_with_it_what_it_left_elsewhere(tmp_path: Path) -> None:
    home, target = tmp_path / "home", tmp_path / "out"
    folder = make_output(home / "jobs" / "echo-abc")
    job = Job("echo-abc", "batch", JobStatus.CANCELED, "2026-03-01T10:00:00+00:00")
    with opened(home) as connection:
        insert_job(connection, Job(**{**vars(job), "output": str(target)}))
    make_output(copy_beside(folder, target))
    remove_jobs(home, [job], pretend=False)
    assert not folder.exists()
    assert names(tmp_path) == ["home"]


def test_a_copy_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_output(tmp_path / "job")
    monkeypatch.setattr(job_folder, "_same_file_system", lambda *_: False)

    def refuse(source: Path, target: Path, **_: object) -> None:
        target.mkdir()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copytree", refuse)
    with pytest.raises(JobFailed, match="No space left on device"):
        deliver(folder, folder / "output", tmp_path / "place" / "out")
    assert names(tmp_path / "place") == []


def test_a_kill_right_after_the_output_got_its_place_leaves_it_known_as_the_jobs_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, target, rename = make_output(tmp_path / "job"), tmp_path / "out", Path.rename

    def killed(source: Path, place: Path) -> None:
        rename(source, place)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        deliver(folder, folder / "output", target)
    assert delivered(folder, target)


def test_room_on_the_disk_is_held_until_a_job_has_to_say_how_it_ended(tmp_path: Path) -> None:
    def fail() -> None:
        with reserve(tmp_path):
            (held,) = tmp_path.iterdir()
            assert held.stat().st_blocks * 512 >= 512 << 10  # and not a hole in a file
            raise JobFailed("the disk is full")

    with pytest.raises(JobFailed):
        fail()
    assert names(tmp_path) == []
