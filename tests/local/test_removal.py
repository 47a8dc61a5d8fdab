"""Removing jobs, and what stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.errors import EnvironmentRefused, NotFound
from runner.local.assets import find, register
from runner.local.database import opened
from runner.local.job_lock import lock
from runner.local.job_records import update_job
from runner.local.removal import remove_jobs
from runner.workspace import Job, JobStatus, Registration
from tests.projects import ScratchProject


def score(project: ScratchProject, *words: str) -> Job:
    project.json("score", *words)
    job: dict[str, str] = project.json("jobs", "show")
    del job["summary"], job["run"]
    return Job(**{**job, "status": JobStatus(job["status"])})  # type: ignore[arg-type]


def names(project: ScratchProject) -> list[str]:
    return [job["name"] for job in project.json("jobs", "list")]


def test_a_removed_job_leaves_nothing_but_what_it_shares(project: ScratchProject) -> None:
    first = score(project)
    second = score(project, "--output-path", "kept")
    assert first.folder is not None
    free = remove_jobs(project.home, [first, second], pretend=True)
    assert free > 1000
    assert names(project) == [second.name, first.name]
    assert remove_jobs(project.home, [first, second], pretend=False) == free
    assert names(project) == []
    # The key of the codes in profiles is that of the jobs to come, too.
    assert [path.name for path in (project.home / "jobs").iterdir()] == [".profile-key"]
    assert not list((project.home / "tmp").iterdir())
    assert (project.root / "kept" / "predictions.csv").exists()
    assert score(project).status is JobStatus.COMPLETED  # models and data are still there


def test_the_links_to_a_model_free_nothing(project: ScratchProject) -> None:
    project.write("models/echo/greeting/large.bin", "x" * 1_000_000)
    assert remove_jobs(project.home, [score(project)], pretend=True) < 900_000


def test_a_job_that_runs_or_is_being_resumed_stays_and_so_do_the_others(
    project: ScratchProject,
) -> None:
    first, second = score(project), score(project)
    held = lock(Path(second.folder or ""))
    assert held is not None
    # POSIX locks are a process's own: another one holds this.
    import subprocess
    import sys

    held.close()
    program = (
        "import sys; from pathlib import Path; from runner.local.job_lock import lock;"
        " held = lock(Path(sys.argv[1])); print('held', flush=True); sys.stdin.readline()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, second.folder or ""],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(EnvironmentRefused, match="runner jobs cancel"):
            remove_jobs(project.home, [first, second], pretend=False)
        holder.communicate(b"\n")
    assert len(names(project)) == 2
    with opened(project.home) as connection:
        running = update_job(connection, second.name, status=JobStatus.RUNNING)
    with pytest.raises(EnvironmentRefused, match=f"{second.name}' is Running"):
        remove_jobs(project.home, [first, running], pretend=False)


def test_a_model_outlives_the_job_that_made_it_and_still_names_it(project: ScratchProject) -> None:
    job = score(project)
    address = f"azureml://jobs/{job.name}/outputs/score"
    made = register(project.home, "model", Registration("made", address, "custom_model"))
    remove_jobs(project.home, [job], pretend=False)
    assert names(project) == []
    kept = find(project.home, "model", "made")
    assert (kept, kept.job) == (made, job.name)
    assert Path(kept.path, "predictions.csv").read_text().startswith("hello,f000.txt,line 0 of 0\n")
    with pytest.raises(NotFound, match=f"no job '{job.name}'"):
        register(project.home, "model", Registration("again", address, "custom_model"))


def test_a_job_whose_folder_is_gone_can_be_removed(project: ScratchProject) -> None:
    import shutil

    job = score(project)
    shutil.rmtree(job.folder or "")
    assert remove_jobs(project.home, [job], pretend=False) == 0
    assert names(project) == []


def test_the_command_shows_first_and_removes_with_yes(project: ScratchProject) -> None:
    job = score(project)
    shown = project.run("jobs", "remove", job.name)
    assert shown.returncode == 0
    assert job.name in shown.stdout
    assert "nothing is removed yet: --yes removes 1 job and " in shown.stderr
    assert names(project) == [job.name]
    assert project.run("jobs", "remove", "--older-than", "1h", "--yes").returncode == 0
    assert names(project) == [job.name]
    done = project.run("jobs", "remove", "--status", "completed", "--yes")
    assert (done.returncode, done.stdout) == (0, f"{job.name}\n")
    assert project.run("jobs", "remove", job.name, "--yes").returncode == NotFound.exit_status


def test_with_json_the_jobs_are_shown_on_stderr_and_stdout_is_json(project: ScratchProject) -> None:
    job = score(project)
    shown = project.run("jobs", "remove", job.name, "-o", "json")
    assert json.loads(shown.stdout) == {"removed": [], "bytes": 0}
    assert job.name in shown.stderr
    assert names(project) == [job.name]
    done = project.run("jobs", "remove", job.name, "--yes", "-o", "json")
    assert json.loads(done.stdout)["removed"] == [job.name]
