"""`runner score` in the local environment, from the command to the output, as a person runs it."""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.projects import ECHO, ScratchProject, add_diabetes, make_project


def expected(project: ScratchProject) -> str:
    """Return the predictions of one plain pass over the input."""
    return "".join(
        f"hello,{path.name},{line}\n"
        for path in sorted(project.input.iterdir())
        for line in path.read_text().splitlines()
    )


def output_of(project: ScratchProject, job: str) -> str:
    return (project.home / "jobs" / job / "named-outputs/score/predictions.csv").read_text()


def test_scores_the_declared_data_with_the_default_deployment_of_the_only_endpoint(
    project: ScratchProject,
) -> None:
    summary = project.json("score")
    assert (summary["status"], summary["rows"], summary["files"]) == ("Completed", 6, 2)
    assert Path(summary["output"]).read_text() == expected(project)
    assert Path(summary["report"]).read_text().startswith("<!doctype html>")


def test_each_process_has_one_thread_unless_somebody_says_otherwise(
    project: ScratchProject,
) -> None:
    project.lines(1)
    project.deployment("environment_variables: {MKL_NUM_THREADS: '3'}\n")
    project.script(
        "import os\n"
        "def init(): pass\n"
        "def run(mini_batch):\n"
        "    names = ('OMP', 'MKL', 'OPENBLAS')\n"
        "    return [''.join(os.environ[f'{name}_NUM_THREADS'] for name in names)]\n"
    )
    done = project.run("score", "-o", "json", env={"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "4"})
    assert Path(json.loads(done.stdout)["output"]).read_text() == "231\n"


def test_registers_the_declared_model_and_data_once(project: ScratchProject) -> None:
    project.json("score")
    project.json("score")
    assert [
        version["version"] for version in project.json("models", "list", "--name", "greeting")
    ] == ["1"]
    assert [version["version"] for version in project.json("data", "list", "--name", "lines")] == [
        "1"
    ]


def test_a_path_is_read_where_it_lies_and_registers_nothing(project: ScratchProject) -> None:
    project.json("score", "--data", "data/lines/f001.txt")
    assert project.json("data", "list") == []


def test_the_output_is_the_same_however_many_processes_run(project: ScratchProject) -> None:
    project.lines(23)
    outputs = {
        Path(
            project.json(
                "score", "-m", str(size), "--set", f"max_concurrency_per_instance={count}"
            )["output"]
        ).read_text()
        for size, count in [(1, 1), (1, 5), (4, 3), (100, 2)]
    }
    assert outputs == {expected(project)}


def test_settings_given_on_the_command_line_reach_the_job(project: ScratchProject) -> None:
    project.lines(5)
    summary = project.json(
        "score",
        *("--mini-batch-size", "2", "--instance-count", "2"),
        *("--set", "output_file_name=out.csv", "--set", "settings.retry_settings.timeout=7"),
    )
    plan = json.loads((project.home / "jobs" / summary["job"] / "plan.json").read_text())
    assert (
        plan["settings"] | {"processes": 4, "timeout": 7.0, "mini_batch_size": 2}
        == (plan["settings"])
    )
    assert summary["output"].endswith("named-outputs/score/out.csv")


def test_a_schedule_of_the_stack_file_scores_what_it_says(project: ScratchProject) -> None:
    nightly = '{cron: "0 2 * * *", input: data/lines/f001.txt, settings: {mini_batch_size: 1}}'
    project.write(
        "Pulumi.local.yaml",
        f"config:\n  scoring:endpoints:\n    echo:\n      schedules:\n        nightly: {nightly}\n",
    )
    summary = project.json("score", "--scheduled", "nightly")
    assert (summary["status"], summary["files"]) == ("Completed", 1)


def test_output_path_takes_the_output_and_must_not_exist(project: ScratchProject) -> None:
    summary = project.json("score", "--output-path", "results")
    assert Path(summary["output"]) == project.root / "results" / "predictions.csv"
    again = project.run("score", "--output-path", "results")
    assert again.returncode == 1
    assert again.stderr.count("\n") == 1
    assert "results exists already" in again.stderr


def test_a_job_taken_up_again_still_knows_its_output_path(project: ScratchProject) -> None:
    project.script(ECHO.replace("rows = []", "rows = []\n    raise OSError('not yet')"))
    failed = project.run(
        *("score", "--output-path", "results", "--set", "retry_settings.max_retries=0")
    )
    assert failed.returncode == 1
    assert project.json("jobs", "show")["output"] is None
    project.script(ECHO)
    summary = project.json("jobs", "resume")
    assert Path(summary["output"]) == project.root / "results" / "predictions.csv"
    assert Path(summary["output"]).read_text() == expected(project)


def test_an_output_place_taken_meanwhile_is_left_alone(project: ScratchProject) -> None:
    project.script(
        ECHO.replace(
            "rows = []",
            "rows = []\n    if place := os.environ.get('TAKEN'): os.makedirs(place, exist_ok=True)",
        )
    )
    place = project.root / "results"
    done = project.run("score", "--output-path", "results", env={"TAKEN": str(place)})
    assert done.returncode == 1
    assert "results exists already; move it away and resume the job" in done.stderr
    assert not list(place.iterdir())
    place.rmdir()
    assert Path(project.json("jobs", "resume")["output"]).read_text() == expected(project)


def test_modules_of_the_current_folder_are_not_taken_for_pythons_own(
    project: ScratchProject,
) -> None:
    for name in ("selectors", "json", "csv", "runpy"):
        project.write(f"elsewhere/{name}.py", "raise SystemExit('the wrong module')\n")
    program = "import sys; from runner.cli import main; sys.argv[1:] = ['score']; main()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=project.root / "elsewhere",
        env=project.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk takes root")
def test_a_full_disk_is_named_and_what_was_scored_is_kept(project: ScratchProject) -> None:
    project.lines(40, lines=1000)
    home = project.root / "small"
    home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", home], check=True)
    try:
        place = {"RUNNER_HOME": str(home)}
        done = project.run("score", "--data", str(project.input), env=place)
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        assert done.stderr.splitlines()[-1].startswith("error: job ")
        subprocess.run(["mount", "-o", "remount,size=16m", home], check=True)
        resumed = project.run("jobs", "resume", "-o", "json", env=place)
        assert resumed.returncode == 0, resumed.stderr
        assert Path(json.loads(resumed.stdout)["output"]).read_text() == expected(project)
    finally:
        subprocess.run(["umount", home], check=True)


FULL = """
import errno, os, sys
from pathlib import Path

def refuse(event, arguments):
    if event == "open" and "report.html" in str(arguments[0]) and Path("full").exists():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

if any("runner.local.host" in word for word in sys.orig_argv):
    sys.addaudithook(refuse)
"""


@pytest.mark.parametrize("scored", [True, False])
def test_a_disk_that_is_full_when_the_report_is_written_is_named_unless_the_job_failed_before(
    project: ScratchProject, scored: bool
) -> None:
    (project.root / "full").touch()
    hiding = project.write("hiding/sitecustomize.py", FULL)
    project = replace(project, modules=(hiding.parent,))
    if not scored:
        project.script("def init(): pass\ndef run(mini_batch): raise ValueError('no number')\n")
    done = project.run("score")
    assert done.returncode == 1
    (job,) = project.json("jobs", "list")
    if not scored:
        assert "no number" in done.stderr
        assert "No space left" not in done.stderr
        return
    assert "free some space and resume the job" in done.stderr
    assert output_of(project, job["name"]) == expected(project)
    (project.root / "full").unlink()
    project.script("this is not run again")
    assert project.json("jobs", "resume", job["name"])["status"] == "Completed"
    assert output_of(project, job["name"]) == expected(project)


def test_summary_only_publishes_what_the_script_wrote(project: ScratchProject) -> None:
    project.script(
        "import os\ndef init(): pass\n"
        "def run(mini_batch):\n"
        "    for path in mini_batch:\n"
        "        name = os.path.basename(path)\n"
        "        open(os.path.join(os.environ['AZUREML_BI_OUTPUT_PATH'], name), 'w').write('x')\n"
        "    return mini_batch\n"
    )
    summary = project.json("score", "--set", "output_action=summary_only")
    assert sorted(file.name for file in Path(summary["output"]).iterdir()) == [
        "f000.txt",
        "f001.txt",
    ]


def test_a_download_is_laid_out_as_az_does(project: ScratchProject) -> None:
    done = project.run("score", "--download", "here")
    assert done.returncode == 0, done.stderr
    found = {
        str(path.relative_to(project.root / "here")) for path in project.root.rglob("here/**/*")
    }
    assert {"named-outputs/score/predictions.csv", "artifacts/report.html"} <= found
    assert "artifacts/logs/job.txt" in found


def test_what_scripts_print_is_in_their_workers_logs(project: ScratchProject) -> None:
    project.script(ECHO.replace("rows = []", "rows = []; print('at work on', mini_batch)"))
    job = project.json("score")["job"]
    logs = (project.home / "jobs" / job / "logs").glob("worker-*.txt")
    printed = "".join(path.read_text() for path in logs)
    assert printed.count("at work on") == 2


def test_json_is_all_that_stdout_gets(project: ScratchProject) -> None:
    project.script("print('noise')\n" + ECHO)
    assert project.json("score")["rows"] == 6


# What a person gets wrong. Each gives one line and an exit status, and leaves no output.

BAD_CALLS: list[tuple[tuple[str, ...], int, str]] = [
    (("score", "ehco"), 3, "did you mean 'echo'?"),
    (("score", "--deployment", "mian"), 3, "did you mean 'main'?"),
    (("score", "--data", "nowhere"), 3, "no file or folder nowhere"),
    (("score", "--data", "azureml:liens:1"), 3, "no data asset 'liens'"),
    (("score", "--data", "azureml:lines:7"), 3, "no version '7'"),
    (("score", "--data", "azureml:lines@newest"), 2, "newest"),
    (("score", "--data", "azureml://datastores/x/paths/y"), 3, "can't be reached from the local"),
    (("score", "--data", "empty"), 1, "is an empty folder"),
    (("score", "--data", "nested"), 1, "only subfolders"),
    (("score", "--data", "linked"), 1, "link that leaves the folder"),
    (("score", "--input-type", "uri_file"), 2, "is a folder, not a uri_file"),
    (("score", "--set", "mini_batch_sise=3"), 2, "did you mean 'mini_batch_size'?"),
    (("score", "--set", "mini_batch_size=many"), 2, "mini_batch_size"),
    (("score", "--set", "output_file_name=../up.csv"), 2, "output_file_name"),
    (("score", "--mini-batch-size", "0"), 2, "mini-batch-size"),
    (("score", "--env", "dve"), 3, "no environment 'dve'"),
    (("models", "show", "greeting:9"), 3, "greeting"),
    (("jobs", "show", "nothing"), 3, "no job 'nothing'"),
    (
        ("models", "register", "--name", "m", "--path", "nowhere", "--type", "custom_model"),
        2,
        "nowhere",
    ),
]


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> ScratchProject:
    """Return a project whose data is registered, with folders beside it that can't be scored."""
    project = make_project(tmp_path_factory.mktemp("registered") / "project")
    (project.root / "empty").mkdir()
    (project.root / "nested" / "inner").mkdir(parents=True)
    (project.root / "linked").mkdir()
    (project.root / "linked" / "secret.txt").symlink_to("/etc/hostname")
    project.json("data", "register", "-f", "models/echo/data.yml")
    return project


@pytest.mark.parametrize(("words", "status", "says"), BAD_CALLS, ids=lambda value: str(value)[:50])
def test_a_wrong_call_gives_one_line_and_its_exit_status(
    registered: ScratchProject, tmp_path: Path, words: tuple[str, ...], status: int, says: str
) -> None:
    project = ScratchProject(tmp_path / "copy")
    shutil.copytree(registered.root, project.root, symlinks=True)
    done = project.run(*words)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")
    assert says in done.stderr
    assert not list(project.home.glob("jobs/*"))


def test_a_deployment_of_a_model_that_is_nowhere_says_so(project: ScratchProject) -> None:
    file = project.root / "models/echo/batch-deployment.yml"
    for reference, says in (("nothing:1", "no model 'nothing'"), ("greeting:9", "greeting")):
        file.write_text(file.read_text().replace("azureml:greeting@latest", f"azureml:{reference}"))
        done = project.run("score")
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)
        assert says in done.stderr
        assert not list(project.home.glob("jobs/*"))
        file.write_text(file.read_text().replace(f"azureml:{reference}", "azureml:greeting@latest"))


def test_the_speed_of_a_job_taken_up_again_is_that_of_its_last_run(project: ScratchProject) -> None:
    project.lines(60)
    project.script(SLOW)
    name = project.run("score", "--no-wait").stdout.strip()
    wait_for(lambda: (found := journal_of(project)) and found.read_bytes().count(b"\n") > 20)
    project.run("jobs", "cancel", name)
    scored = (journal_of(project) or Path()).read_bytes().count(b"\n")
    summary = project.json("jobs", "resume", name)
    last_run = summary["rows_per_second"] * summary["seconds"]
    assert last_run == pytest.approx((60 - scored) * 3, abs=1)


BAD_SCRIPTS: list[tuple[str, str]] = [
    ("def init(): pass\n", "no function run()"),
    ("def run(mini_batch): return mini_batch\n", "no function init()"),
    ("import nothing_of_that_name\n", "nothing_of_that_name"),
    ("def init(): raise ValueError('no weights')\ndef run(m): return m\n", "init() raised"),
    ("def init(): pass\ndef run(mini_batch): return 'done'\n", "run() returned str"),
    ("def init(): pass\ndef run(mini_batch): return None\n", "run() returned NoneType"),
    ("def init(): pass\ndef run(mini_batch): raise KeyError('age')\n", "KeyError: 'age'"),
    ("def init(): pass\ndef run(mini_batch): return []\n", "returned 1 result too few"),
    ("def init(:\n", "SyntaxError"),
    ("import sys\nsys.exit(4)\n", "calls exit(4)"),
]


@pytest.mark.parametrize(("script", "says"), BAD_SCRIPTS, ids=[says for _, says in BAD_SCRIPTS])
def test_a_bad_script_fails_the_job_in_one_line(
    project: ScratchProject, script: str, says: str
) -> None:
    project.script(script)
    done = project.run("score", "--set", "retry_settings.max_retries=0")
    assert done.returncode == 1
    error = done.stderr.splitlines()[-1]
    assert error.startswith("error: job ")
    assert says in error
    job = project.json("jobs", "show")
    assert (job["status"], job["output"]) == ("Failed", None)
    assert not list(project.home.glob("jobs/*/named-outputs/score/*"))
    assert Path(job["folder"], "report.html").exists()


@pytest.mark.parametrize("place", ["init", "run"])
def test_the_traceback_of_a_script_is_shown_where_more_is_asked_for(
    project: ScratchProject, place: str
) -> None:
    raises = "raise ValueError('no weights')"
    project.script(
        f"def init(): {raises if place == 'init' else 'pass'}\ndef run(mini_batch): {raises}\n"
    )
    quiet = project.run("score", "--set", "retry_settings.max_retries=0")
    assert "Traceback" not in quiet.stderr
    for words in (("score", "-v", "--set", "retry_settings.max_retries=0"), ("jobs", "show", "-v")):
        shown = project.run(*words).stderr
        assert "Traceback (most recent call last):" in shown
        assert f"in {place}\n" in shown
        assert "ValueError: no weights" in shown


def test_failures_are_told_with_the_file_that_lists_all_of_them(project: ScratchProject) -> None:
    project.lines(3)
    project.script(
        "def init(): pass\ndef run(files):\n"
        "    if 'f001' in files[0]: raise ValueError('no')\n    return files\n"
    )
    done = project.run("score", "-m", "1", "--set", "retry_settings.max_retries=0")
    assert done.returncode == 0
    (line,) = [line for line in done.stderr.splitlines() if "failures.csv" in line]
    assert line.startswith("warning: every failure and retry is in .runner/jobs/")
    assert (project.root / line.split()[-1]).read_text().count("no (score.py, line 3)") == 1
    log = next(project.home.glob("jobs/*/logs/job.txt")).read_text()
    assert "its 1 file failed" in log


BAD_TABLES: list[tuple[str, bytes, str]] = [
    ("words.csv", b"@,Age\n1,2,3,4,5,6,7,eight\n", "row 0, column 'Age': 'eight' is not a double"),
    ("ragged.csv", b"@,Age\n1,2,3,4,5,6,7,8\n1,2,3,4,5,6,7,8,9\n", "row 1: has 9 cells and the"),
    ("short.csv", b"@\n1,2,3,4,5,6,7\n", "has no column 'Age'"),
    ("empty.csv", b"", "is empty"),
    ("header.csv", b"@,Age\n", "has a header and no rows"),
    ("latin.csv", b"@,\xc4ge\n1,2,3,4,5,6,7,8\n", "is not UTF-8"),
    ("notes.txt", b"1\n", "is not supported"),
    ("table.csv.gz", b"\x1f\x8b", "is not supported"),
]
SEVEN = (
    b"Pregnancies,PlasmaGlucose,DiastolicBloodPressure,TricepsThickness,SerumInsulin,"
    b"BMI,DiabetesPedigree"
)


def test_a_bad_table_fails_the_job_in_one_line_that_names_file_row_and_column(
    project: ScratchProject,
) -> None:
    add_diabetes(project)
    for name, content, says in BAD_TABLES:
        folder = project.root / "bad" / name.partition(".")[0]
        folder.mkdir(parents=True)
        (folder / name).write_bytes(content.replace(b"@", SEVEN))
        done = project.run("score", "diabetes-batch", "--data", str(folder))
        error = done.stderr.splitlines()[-1]
        assert done.returncode == 1, name
        assert name in error
        assert says in error
        assert not list(project.home.glob("jobs/*/named-outputs/score/*"))


def test_a_model_that_can_not_be_loaded_is_called_by_its_reference(
    project: ScratchProject,
) -> None:
    add_diabetes(project)
    (project.root / "models/diabetes/model/model.pkl").write_bytes(b"")
    done = project.run("score", "diabetes-batch")
    assert done.returncode == 1
    assert "azureml:diabetes-mlflow:1" in done.stderr.splitlines()[-1]
    assert "/trees/" not in done.stderr


def test_a_file_that_fails_leaves_the_others_scored(project: ScratchProject) -> None:
    add_diabetes(project)
    folder = project.root / "data" / "diabetes" / "unlabeled"
    (folder / "patients-5.csv").write_bytes(SEVEN + b",Age,Ward\n1,2,3,4,5,6,7,old,A\n")
    (folder / 'été, "quoted".csv').write_bytes(SEVEN + b",Age,Ward\n1,2,3,4,5,6,7,8,A\n")
    summary = project.json("score", "diabetes-batch", "--data", str(folder))
    assert (summary["rows"], summary["failed_files"]) == (401, 1)
    assert sum(summary["predictions"].values()) == 401
    with Path(summary["output"]).open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[-1][0::2] == ["0", 'été, "quoted".csv']
    log = (project.home / "jobs" / summary["job"] / "logs" / "job.txt").read_text()
    assert "patients-5.csv: row 0, column 'Age': 'old' is not a double" in log
    assert "columns the model doesn't know are ignored: 'Ward'" in log


def test_a_threshold_of_failed_files_fails_the_job(project: ScratchProject) -> None:
    project.lines(6)
    project.script(
        ECHO.replace(
            "rows = []", "rows = []\n    if 'f004' in mini_batch[0]: raise OSError('torn')"
        )
    )
    tolerant = project.run("score", "--set", "retry_settings.max_retries=1")
    assert tolerant.returncode == 0, tolerant.stderr
    strict = project.run(
        "score", "--set", "retry_settings.max_retries=0", "--set", "error_threshold=0"
    )
    assert strict.returncode == 1
    assert "1 file failed and error_threshold is 0" in strict.stderr


def test_a_stuck_worker_is_ended_by_the_timeout(project: ScratchProject) -> None:
    project.script(
        "import os, time, pathlib\ndef init(): pass\n"
        "def run(mini_batch):\n"
        "    seen = pathlib.Path(os.environ['MARKS'], os.path.basename(mini_batch[0]))\n"
        "    if not seen.exists():\n        seen.touch(); time.sleep(600)\n"
        "    return mini_batch\n"
    )
    marks = project.root / "marks"
    marks.mkdir()
    done = project.run(
        *("score", "--set", "retry_settings.timeout=1", "-o", "json"), env={"MARKS": str(marks)}
    )
    summary = json.loads(done.stdout)
    assert (summary["rows"], summary["retries"]) == (2, 2)


# Interruptions

SLOW = ECHO.replace(
    "rows = []",
    "rows = []\n    import time; time.sleep(0 if os.path.exists('../fast') else 0.05)",
)


def start(project: ScratchProject, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        project.command(*words),
        cwd=project.root,
        env=project.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(what: Any, seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
    return found


def journal_of(project: ScratchProject) -> Path | None:
    return next(project.home.glob("jobs/*/journal.jsonl"), None)


def test_control_c_cancels_the_job_and_says_how_to_resume(project: ScratchProject) -> None:
    project.lines(200)
    project.script(SLOW)
    process = start(project, "score")
    wait_for(lambda: (found := journal_of(project)) and found.read_bytes().count(b"\n") > 3)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    job = project.json("jobs", "show")
    assert process.returncode == 130
    assert f"runner jobs resume {job['name']}" in errors
    assert job["status"] == "Canceled"
    done_before = (journal_of(project) or Path()).read_bytes().count(b"\n")
    project.write("models/echo/fast", "")
    summary = project.json("jobs", "resume", job["name"])
    assert summary["status"] == "Completed"
    assert output_of(project, job["name"]) == expected(project)
    assert (journal_of(project) or Path()).read_bytes().count(b"\n") == 200
    assert done_before < 200


def test_code_that_changed_does_not_go_on_with_what_other_code_began(
    project: ScratchProject,
) -> None:
    project.lines(200)
    project.script(SLOW)
    name = project.run("score", "--no-wait").stdout.strip()
    wait_for(lambda: (found := journal_of(project)) and found.read_bytes().count(b"\n") > 3)
    project.run("jobs", "cancel", name)
    project.script(ECHO.replace("hello", "bye"))
    done = project.run("jobs", "resume", name)
    assert done.returncode == 1
    assert "'score.py' beside the scoring script has changed since the job began" in done.stderr


def test_a_process_that_the_script_forks_and_forgets_is_no_worker(project: ScratchProject) -> None:
    project.script(ECHO.replace("rows = []", "rows = []\n    if os.fork() == 0: return ['child']"))
    assert Path(project.json("score")["output"]).read_text() == expected(project)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise SystemExit(0)", "SystemExit"),
        ("import sys; sys.stdout = sys.stderr = None; raise OSError('x')", "OSError: x"),
    ],
)
def test_whatever_a_script_raises_costs_an_attempt_and_is_named(
    project: ScratchProject, line: str, says: str
) -> None:
    project.script(ECHO.replace("rows = []", f"rows = []\n    {line}"))
    done = project.run("score", "--set", "retry_settings.max_retries=0")
    assert done.returncode == 1
    assert says in done.stderr.splitlines()[-1]


def test_a_job_goes_on_when_the_command_that_began_it_is_killed(project: ScratchProject) -> None:
    project.lines(40)
    project.script(SLOW)
    process = start(project, "score")
    wait_for(lambda: journal_of(project))
    process.kill()
    process.communicate()
    streamed = project.run("jobs", "stream")
    assert streamed.returncode == 0, streamed.stderr
    assert output_of(project, project.json("jobs", "show")["name"]) == expected(project)


def test_no_wait_leaves_the_job_to_itself_and_cancel_ends_it(project: ScratchProject) -> None:
    project.lines(400)
    project.script(SLOW)
    name = project.run("score", "--no-wait").stdout.strip()
    assert project.json("jobs", "show", name)["status"] in ("Queued", "Running")
    cancelled = project.run("jobs", "cancel", name)
    assert cancelled.returncode == 0, cancelled.stderr
    assert project.json("jobs", "show", name)["status"] == "Canceled"


def processes_of(name: str) -> list[int]:
    """Return the job's host and its workers: all have the job's name on their command line."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"\0{name}\0".encode() in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found


def test_a_run_killed_at_random_moments_and_resumed_gives_the_same_bytes(
    project: ScratchProject,
) -> None:
    project.lines(100)
    project.script(SLOW.replace("0.05", "0.02"))
    moments = random.Random()  # noqa: S311 (any moments do)
    name = project.run("score", "--no-wait").stdout.strip()
    kills = 0
    for _ in range(100):
        time.sleep(moments.uniform(0.0, 0.4))
        for process in processes_of(name):
            with suppress(ProcessLookupError):  # it may have ended since it was seen
                os.kill(process, signal.SIGKILL)
        wait_for(lambda: not processes_of(name))
        job = project.json("jobs", "show", name)
        if job["status"] == "Completed":
            break
        assert job["status"] == "NotResponding"
        kills += 1
        resumed = project.run("jobs", "resume", name, "--no-wait")
        assert resumed.returncode == 0, resumed.stderr
    else:
        done = project.run("jobs", "resume", name)
        assert done.returncode == 0, done.stderr
    assert kills > 0
    assert output_of(project, name) == expected(project)
    assert project.json("jobs", "show", name)["status"] == "Completed"
