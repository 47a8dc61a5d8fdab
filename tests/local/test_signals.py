"""Jobs are ended by signals that reach nobody else, however deaf or far away their process is."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from runner.errors import EnvironmentRefused
from runner.jobs.folder import job_folder
from runner.local import jobs
from runner.local.command_lock import end_orphaned_command, lock_for_command, note_command
from runner.local.database import opened
from runner.local.job_lock import owner
from runner.local.job_records import update_job
from runner.local.signals import kill_owner, signal_owner
from runner.workspace import JobStatus
from tests.projects import ROOT, make_project

NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc"]

SLOW = """
import time

def init():
    pass

def run(mini_batch):
    time.sleep(60)
    return mini_batch
"""

# Run in place of the sleep above: notes that it has begun, and goes on when it may.
WAIT = """
    from pathlib import Path
    root = Path(__file__).parents[3]
    (root / "begun").touch()
    while not (root / "go").exists():
        time.sleep(0.02)
""".strip()

# A host that hears nothing any more from when it forks its first worker, and has a child.
DEAF = """
import subprocess, sys, time

def stay(event, _):
    if event == "os.fork":
        subprocess.Popen(["sleep", "600"])
        while True:
            time.sleep(1)

if any("runner.local.host" in word for word in sys.orig_argv):
    sys.addaudithook(stay)
"""

# Holds the lock of a folder until its input ends, as a process of this kernel or another one.
HOLDER = """
import sys
from pathlib import Path
from runner.local.job_lock import lock
file = lock(Path(sys.argv[1]))
if sys.argv[2:]:
    file.truncate(0)
    file.write(sys.argv[2].encode())
    file.flush()
print("locked", flush=True)
sys.stdin.read()
"""


def wait_for(look: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def holder(folder: Path, *kernel: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder), *kernel],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process


def session_of(host: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(path.name)) == host and " Z " not in (path / "stat").read_text():
                found.append(int(path.name))
        except OSError:
            continue
    return found


@pytest.mark.skipif(
    not shutil.which("unshare")
    or subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode != 0,
    reason="this system lets nobody make a process namespace here",
)
def test_from_another_container_a_job_is_canceled_and_nobody_else_ended(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.script(SLOW)
    name = project.json("score", "--no-wait")["name"]
    done = subprocess.run(
        [*NAMESPACE, *project.command("jobs", "cancel", name)],
        cwd=project.root,
        env=project.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert project.json("jobs", "show", name)["status"] == "Canceled"
    assert owner(job_folder(project.home, name)) is None


@pytest.mark.parametrize("take", [lambda folder: signal_owner(folder, signal.SIGTERM), kill_owner])
def test_a_signal_goes_to_the_process_that_holds_the_lock(
    tmp_path: Path, take: Callable[[Path], bool]
) -> None:
    with holder(tmp_path) as process:
        assert take(tmp_path)
        assert process.wait(10) in (-signal.SIGTERM, -signal.SIGKILL)
    assert not take(tmp_path)  # nobody is left to be sent one


@pytest.mark.parametrize("take", [lambda folder: signal_owner(folder, signal.SIGTERM), kill_owner])
def test_no_signal_goes_to_a_process_number_of_another_machine(
    tmp_path: Path, take: Callable[[Path], bool]
) -> None:
    with holder(tmp_path, "another kernel") as process:
        assert owner(tmp_path) == process.pid
        assert not take(tmp_path)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.2)


def test_a_job_that_cannot_be_reached_is_asked_to_stop_and_said_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_PATIENCE", 0.3)
    project = make_project(tmp_path)
    project.script(SLOW)
    name = project.json("score", "--no-wait")["name"]
    project.run("jobs", "cancel", name)
    folder = job_folder(project.home, name)
    with opened(project.home) as connection:
        update_job(connection, name, status=JobStatus.RUNNING)
    with holder(folder, "another kernel") as process:
        with pytest.raises(EnvironmentRefused, match="cancel the job where it was begun"):
            jobs.cancel_job(project.home, name)
        assert process.poll() is None


def test_a_host_that_hears_nothing_is_killed_with_all_of_its_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_PATIENCE", 1.0)
    project = make_project(tmp_path)
    hiding = project.write("deaf/sitecustomize.py", DEAF)
    project = replace(project, modules=(hiding.parent,))
    name = project.json("score", "--no-wait")["name"]
    host = owner(job_folder(project.home, name))
    assert host is not None
    wait_for(lambda: len(session_of(host)) > 1)
    assert jobs.cancel_job(project.home, name).status is JobStatus.CANCELED
    wait_for(lambda: not session_of(host))
    project = replace(project, modules=())
    resumed = project.run("jobs", "resume", name)
    assert resumed.returncode == 0, resumed.stderr


def test_a_job_outlives_the_terminal_that_it_was_begun_in(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.script(SLOW.replace("time.sleep(60)", WAIT))
    terminal, end = pty.openpty()
    command = subprocess.Popen(
        ["setsid", "--ctty", *project.command("score")],
        cwd=project.root,
        env=project.environment(),
        stdin=end,
        stdout=end,
        stderr=end,
    )
    os.close(end)
    try:
        wait_for((project.root / "begun").exists)
        (name,) = (job["name"] for job in project.json("jobs", "list"))
        host = owner(job_folder(project.home, name))
        assert host is not None
        assert os.getsid(host) == host
        os.kill(host, signal.SIGHUP)  # as some send to all whose terminal is gone
    finally:
        os.close(terminal)  # and everybody in its session is told so
    command.wait(30)
    (project.root / "go").touch()
    wait_for(lambda: project.json("jobs", "show", name)["status"] not in ("Running", "Finalizing"))
    shown = project.json("jobs", "show", name)
    assert (shown["status"], shown["error"]) == ("Completed", None)


def test_the_command_of_a_job_in_another_container_is_sent_no_signal(tmp_path: Path) -> None:
    with lock_for_command(tmp_path) as held:
        command = subprocess.Popen(["sleep", "600"], start_new_session=True, pass_fds=[held])
        note_command(held, command.pid)
    try:
        noted = (tmp_path / "command.lock").read_text()
        (tmp_path / "command.lock").write_text(noted.split()[0] + " another namespace")
        with pytest.raises(EnvironmentRefused, match="cancel the job there"):
            end_orphaned_command(tmp_path)
        assert command.poll() is None
        (tmp_path / "command.lock").write_text(noted)
        end_orphaned_command(tmp_path)
        assert command.wait(10) == -signal.SIGTERM
    finally:
        command.kill()
        command.wait()


@pytest.mark.parametrize("noted", ["0", "-1", "1", "stranger", "\xb2", ""])
def test_no_signal_goes_to_a_group_that_does_not_hold_the_commands_lock(
    tmp_path: Path, noted: str
) -> None:
    """Such as that of somebody else who was given the number of a command that has ended."""
    ready = "import os; os.setsid(); print(flush=True); import time; time.sleep(600)"
    with lock_for_command(tmp_path) as held:
        left = subprocess.Popen(
            [sys.executable, "-c", ready], stdout=subprocess.PIPE, pass_fds=[held]
        )
        stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
        note_command(held, stranger.pid)
    try:
        assert left.stdout is not None
        left.stdout.readline()
        file = tmp_path / "command.lock"
        rest = file.read_text().removeprefix(str(stranger.pid))
        if noted != "stranger":
            file.write_text(noted + rest)
        end_orphaned_command(tmp_path)
        assert (stranger.poll(), left.poll()) == (None, None)
    finally:
        for process in (left, stranger):
            process.kill()
            process.wait()
