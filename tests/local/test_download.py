from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest

from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.local.download import download
from runner.workspace import Job, JobStatus

JOB = Job("echo-1", "batch", JobStatus.COMPLETED, "2025-01-01T00:00:00+00:00")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a finished job."""
    folder = tmp_path / "jobs" / JOB.name
    for name in ("named-outputs/score/predictions.csv", "logs/job.txt", "report.html"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "plan.json").write_text("{}")
    return folder


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def test_outputs_and_records_lie_as_az_lays_them_out(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "here"
    assert download(JOB, folder, target) == target
    assert names(target) == {
        "named-outputs/score/predictions.csv",
        "artifacts/logs/job.txt",
        "artifacts/report.html",
    }
    assert [path.name for path in target.parent.iterdir()] == ["here"]


@pytest.mark.parametrize("there", ["folder", "file", "dangling link"])
def test_a_target_that_exists_is_refused_and_left_alone(
    folder: Path, tmp_path: Path, there: str
) -> None:
    target = tmp_path / "here"
    if there == "folder":
        target.mkdir()
    elif there == "file":
        target.touch()
    else:
        target.symlink_to("nowhere")
    with pytest.raises(WrongUsage, match="here exists already: remove it, or name another"):
        download(JOB, folder, target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "jobs"]


def test_links_stay_links_wherever_they_lead(folder: Path, tmp_path: Path) -> None:
    score = folder / "named-outputs" / "score"
    (score / "nowhere").symlink_to("not-there")
    (score / "out").symlink_to("/etc")
    (score / "beside").symlink_to("predictions.csv")
    copied = download(JOB, folder, tmp_path / "here") / "named-outputs" / "score"
    assert (copied / "nowhere").readlink() == Path("not-there")
    assert (copied / "out").readlink() == Path("/etc")
    assert (copied / "beside").read_text() == "named-outputs/score/predictions.csv"


def test_what_cannot_be_copied_is_named_and_nothing_is_left(folder: Path, tmp_path: Path) -> None:
    pipe = folder / "named-outputs" / "score" / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(EnvironmentRefused, match=rf"\(`{pipe}` is a named pipe\): mend that"):
        download(JOB, folder, tmp_path / "here")
    assert [path.name for path in tmp_path.iterdir()] == ["jobs"]


def test_a_place_that_takes_nothing_is_one_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentRefused, match=r"file/here \(Not a directory\): mend that"):
        download(JOB, folder, tmp_path / "file" / "here")


def test_a_job_that_left_nothing_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    with pytest.raises(NotFound, match="'echo-1', which is Completed, has nothing to download"):
        download(JOB, tmp_path / "job", tmp_path / "here")


def test_downloads_to_one_place_at_once_leave_one_of_them_whole(
    folder: Path, tmp_path: Path
) -> None:
    for number in range(100):
        (folder / "logs" / f"worker-{number}.txt").write_text("x" * 1000)
    expected = names(download(JOB, folder, tmp_path / "alone"))
    for turn in range(2):
        target = tmp_path / f"here-{turn}"
        refused: list[Exception] = []

        def copy(target: Path = target, refused: list[Exception] = refused) -> None:
            try:
                download(JOB, folder, target)
            except (WrongUsage, EnvironmentRefused) as error:
                refused.append(error)

        threads = [threading.Thread(target=copy) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(refused) == 3
        assert names(target) == expected
        shutil.rmtree(target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alone", "jobs"]
