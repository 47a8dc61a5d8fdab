"""Workers in another Python: isolated from this one, and forked again when what forks them dies."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from runner.engine.other_python import _may_be_killed
from tests.pythons import python_of

from .job import Outcome, plan_job, run_job, score
from .models import inputs, lay_model
from .test_process_pool import drive_pool
from .test_run import assert_ends

HERE = sys.executable  # another Python, for all that its workers know
FILES = {"a": b"1", "b": b"2"}


def score_there(place: Path, script: str, python: str = HERE, **job: object) -> Outcome:
    return score(place, FILES, script=script, python=python, **job)


def test_a_script_runs_in_the_oldest_python(tmp_path: Path) -> None:
    script = (
        "import sys\ndef init(): pass\ndef run(batch): return [sys.version_info[:2]]*len(batch)\n"
    )
    outcome = score_there(tmp_path, script, python_of("3.9"))
    assert (outcome.error, outcome.output) == (None, b"(3, 9)\n(3, 9)\n")


def test_nothing_of_the_runners_environment_is_there(tmp_path: Path) -> None:
    (tmp_path / "shell").mkdir()
    (tmp_path / "shell" / "of_the_shell.py").touch()
    (tmp_path / "of_the_folder.py").touch()
    script = """
import importlib
def init(): pass
def run(batch):
    found = []
    for name in ("click", "of_the_shell", "of_the_folder", "tests"):
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            found.append(error.name)
    return [found] * len(batch)
"""
    variables = {"PYTHONPATH": str(tmp_path / "shell"), "PYTHONHOME": ""}
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        with mock.patch.dict(os.environ, variables):
            outcome = score_there(tmp_path, script, python_of("3.9"))
    finally:
        os.chdir(here)
    assert outcome.error is None
    assert outcome.output == b"['click', 'of_the_shell', 'of_the_folder', 'tests']\n" * 2


def test_what_is_started_by_name_is_of_that_python(tmp_path: Path) -> None:
    script = """
import shutil, sys
def init(): pass
def run(batch): return [shutil.which("python3") == sys.executable] * len(batch)
"""
    assert score_there(tmp_path, script, python_of("3.9")).output == b"True\n" * 2


def test_workers_die_with_what_forks_them_and_it_is_started_again(tmp_path: Path) -> None:
    script = "import time\ndef init(): pass\ndef run(batch): time.sleep(600)\n"
    work = """
pool.fork(); pool.fork()
until(pool, 2)
pool.send(pool.workers[0], parts[0], 1)
os.kill(pool._forking._preloading._process.pid, signal.SIGKILL)
events = until(pool, 2)
print([bool(event.worker.part) for event in sorted(events, key=lambda event: event.worker.slot)])
print({event.died for event in events})
pool.fork()
print([type(event.message).__name__ for event in until(pool, 1)])
print(*(event.worker.process for event in events))
"""
    *printed, processes = drive_pool(tmp_path, work, script, HERE)
    assert printed == [
        "[True, False]",
        "{'its process was ended by SIGKILL (out of memory, or killed from outside)'}",
        "['Ready']",
    ]
    for process in processes.split():
        assert_ends(int(process))


def test_a_job_outlives_the_death_of_what_forks_its_workers(tmp_path: Path) -> None:
    script = """
import os, signal
from pathlib import Path
from types import SimpleNamespace
def init(): pass
def run(batch):
    mark = Path(__file__).with_name("killed")
    if not mark.exists():
        mark.touch()
        os.kill(os.getppid(), signal.SIGKILL)
        signal.pause()
    return batch
"""
    outcome = score_there(tmp_path, script, mini_batch_size=1, processes=2)
    assert outcome.error is None
    assert outcome.output is not None
    assert outcome.output.count(b"\n") == 2
    assert outcome.retries
    assert set(outcome.retries) == {
        "its process was ended by SIGKILL (out of memory, or killed from outside)"
    }


def test_a_worker_that_takes_too_long_there_is_ended_with_what_it_started(tmp_path: Path) -> None:
    script = """
import os, time
from pathlib import Path
from types import SimpleNamespace
def init(): pass
def run(batch):
    started = Path(__file__).with_name("started")
    if started.exists():
        return batch
    child = os.fork()
    if child:
        started.write_text(str(child))
    time.sleep(600)
"""
    outcome = score_there(tmp_path, script, timeout=0.5)
    assert outcome.error is None
    assert outcome.retries == ["took longer than 0.5 s (retry_settings.timeout)"]
    assert_ends(int((tmp_path / "code" / "started").read_text()))


def test_a_python_that_is_not_there_or_fails_is_told_in_one_line(tmp_path: Path) -> None:
    script = "def init(): pass\ndef run(batch): return batch\n"
    missing = score_there(tmp_path / "missing", script, "/no/bin/python")
    assert missing.error == "/no/bin/python can't be started: No such file or directory"
    broken = tmp_path / "broken" / "bin" / "python"
    broken.parent.mkdir(parents=True)
    broken.write_text(
        "#!/bin/sh\necho 'Traceback (most recent call last):\nOSError: torn' >&2\nexit 3\n"
    )
    broken.chmod(0o755)
    failed = score_there(tmp_path / "failed", script, str(broken))
    assert failed.error == (
        f"nothing can be scored by {broken}: its process exited with status 3 after OSError: torn;"
        f" see {failed.folder / 'logs' / 'preloading.txt'}"
    )


def test_a_large_file_stays_whole_where_only_the_other_python_can_read_it(tmp_path: Path) -> None:
    model = lay_model(
        tmp_path / "model",
        inputs(x="double"),
        pickle=pickle.dumps(SimpleNamespace(predict=copy.copy)),
    )
    folder = plan_job(
        tmp_path, {"a.csv": b"x\n" + b"1\n" * 9999}, model=model, python=HERE, slice_above=9999
    )
    program = f"""
import sys
sys.modules["numpy"] = sys.modules["pyarrow"] = None
from pathlib import Path
from runner.engine.plan import read_plan
from runner.engine.run import run
folder = Path({str(folder)!r})
(attempt,) = run(read_plan(folder / "plan.json"), folder, began=0)
print(attempt.rows, attempt.slice)
"""
    done = subprocess.run([HERE, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("9999 None\n", "")


def test_bytecode_is_kept_of_installed_packages_and_not_of_a_scripts_own_modules(
    tmp_path: Path,
) -> None:
    venv = tmp_path / "venv"
    subprocess.run([python_of("3.9"), "-m", "venv", "--without-pip", str(venv)], check=True)
    packages = venv / "lib" / "python3.9" / "site-packages"
    (packages / "installed.py").write_text("there = True")
    script = "import beside, installed\ndef init(): pass\ndef run(batch): return batch\n"
    folder = plan_job(tmp_path, FILES, script=script, python=str(venv / "bin" / "python"))
    (tmp_path / "code" / "beside").mkdir()
    (tmp_path / "code" / "beside" / "__init__.py").write_text("import beside.within")
    (tmp_path / "code" / "beside" / "within.py").touch()
    with mock.patch.dict(os.environ):
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        assert run_job(folder).error is None
    assert [path.name for path in tmp_path.rglob("*.pyc")] == ["installed.cpython-39.pyc"]


def test_a_folder_that_is_no_model_fails_the_job_as_it_does_here(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    outcome = score(tmp_path, {"a.csv": b"x\n1\n"}, model=tmp_path / "model", python=HERE)
    assert str(outcome.error).startswith(f"model {tmp_path / 'model'} has no MLmodel file; save it")


def test_a_package_that_kills_what_imports_it_fails_the_job_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "numpy.py").write_text("import os; os.kill(os.getpid(), 11)")
    script = "import numpy\ndef init(): pass\ndef run(batch): return batch\n"
    declared = {"PYTHONPATH": str(tmp_path / "packages")}
    outcome = score_there(tmp_path, script, variables=declared)
    assert str(outcome.error).startswith(
        f"nothing can be scored by {HERE}: its process was ended by SIGSEGV"
    )


def test_what_forks_workers_is_given_up_where_it_does_not_answer(tmp_path: Path) -> None:
    work = """
from runner.engine import other_python
other_python._PATIENCE = 0.3
pool.fork()
until(pool, 1)
os.kill(pool._forking._preloading._process.pid, signal.SIGSTOP)
(event,) = until(pool, 1)
print(event.died)
pool.fork()
print([type(event.message).__name__ for event in until(pool, 1)])
"""
    assert drive_pool(tmp_path, work, python=HERE) == [
        "its process was ended by SIGKILL (out of memory, or killed from outside)",
        "['Ready']",
    ]


def test_a_process_that_is_none_of_the_jobs_is_not_ended_as_its_worker(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as stranger:
        (tmp_path / "packages").mkdir()
        (tmp_path / "packages" / "numpy.py").write_text(
            "import sys\n"
            f"sys.modules['runner.engine.preloading'].fork_worker = lambda *_: {stranger.pid}\n"
        )
        script = "import numpy\ndef init(): pass\ndef run(batch): return batch\n"
        declared = {"PYTHONPATH": str(tmp_path / "packages")}
        outcome = score_there(tmp_path, script, variables=declared)
        assert stranger.poll() is None
        stranger.kill()
    assert outcome.error == (
        f"no worker can be started: process {stranger.pid} is none of this job's"
    )


def test_only_a_group_of_the_jobs_own_session_may_be_killed() -> None:
    for number in (0, -1, 1, os.getpid(), os.getpgrp(), os.getppid()):
        assert not _may_be_killed(number), number


def test_spark_does_not_score_in_another_python(tmp_path: Path) -> None:
    script = "def init(): pass\ndef run(batch): return batch\n"
    outcome = score_there(tmp_path, script, engine="spark")
    assert outcome.error == (
        "Spark scores in the runner's own environment, and the model or script declares another,"
        f" {HERE}: score with `--engine process`, or with `--env-manager local`"
    )


def test_what_forks_workers_leaves_no_log_where_it_printed_nothing(tmp_path: Path) -> None:
    outcome = score_there(tmp_path, "def init(): pass\ndef run(batch): return batch\n")
    assert [path.name for path in (outcome.folder / "logs").iterdir()] == ["worker-0.txt"]
