"""`runner train`, and models registered from what it made."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from runner.engine.sealed import seal
from runner.errors import JobFailed
from runner.local.command_job import Command, read_command, write_command
from runner.local.tracking.plan import RunPlan
from tests.projects import ScratchProject, make_project, without_mlflow

SCHEMA = "$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json\n"
TRAIN = (
    SCHEMA + "type: command\ncode: .\nenvironment: azureml:anything@latest\n"
    "command: >-\n  python fit.py ${{inputs.lines}} ${{inputs.word}} ${{outputs.model}}\n"
    "inputs:\n"
    "  lines: {type: uri_folder, path: ../../data/lines}\n"
    "  word: fine\n"
    "outputs:\n  model: {type: custom_model}\n"
)
FIT = (
    "import os, sys\n"
    "lines, word, model = sys.argv[1:]\n"
    "print('fitting', word)\n"
    "open(os.path.join(model, 'greeting.txt'), 'w').write(f'{word} {len(os.listdir(lines))}')\n"
)


@pytest.fixture
def trainable(project: ScratchProject) -> ScratchProject:
    project.write("models/echo/train.yml", TRAIN)
    project.write("models/echo/fit.py", FIT)
    # A tracked job takes seconds more: see `tests/local/tracking`.
    return without_mlflow(project)


def test_runs_the_declared_command_with_its_inputs_and_outputs(trainable: ScratchProject) -> None:
    job = trainable.json("train", "echo")
    model = Path(job["folder"], "named-outputs", "model", "greeting.txt")
    assert (job["status"], model.read_text()) == ("Completed", "fine 2")


def test_an_input_given_on_the_command_line_replaces_the_declared_one(
    trainable: ScratchProject,
) -> None:
    job = trainable.json("train", "echo", "--set", "word=it's $HOME")
    model = Path(job["folder"], "named-outputs", "model", "greeting.txt")
    assert model.read_text() == "it's $HOME 2"


def test_what_the_command_prints_is_streamed(trainable: ScratchProject) -> None:
    assert "fitting fine\n" in trainable.run("train", "echo").stderr
    assert "fitting fine\n" in trainable.run("jobs", "stream").stdout


def test_a_model_that_a_job_made_is_registered_and_scores(trainable: ScratchProject) -> None:
    trainable.json("score")
    job = trainable.json("train", "echo")["name"]
    asset = trainable.json("models", "register", "--name", "greeting", "--from-job", job)
    assert (asset["version"], asset["job"]) == ("2", job)
    trainable.script(
        "import os\ndef init(): pass\ndef run(mini_batch):\n"
        "    path = os.path.join(os.environ['AZUREML_MODEL_DIR'], 'model', 'greeting.txt')\n"
        "    return [open(path).read() for _ in mini_batch]\n"
    )
    assert Path(trainable.json("score")["output"]).read_text() == "fine 2\nfine 2\n"


def test_what_a_job_registers_is_its_projects_in_a_workspace_that_others_share(
    trainable: ScratchProject, tmp_path: Path
) -> None:
    trainable.write(
        "models/echo/train.yml",
        TRAIN.replace("{type: custom_model}", "{type: custom_model, name: greeting}"),
    )
    trainable.json("train", "echo")
    assert trainable.json("models", "show", "greeting")["version"] == "1"
    other = make_project(tmp_path / "other")
    refused = other.run("models", "show", "greeting", env={"RUNNER_HOME": str(trainable.home)})
    assert f"is another project's, {trainable.root}: register" in refused.stderr


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("python -c 'raise SystemExit(7)'", "exited with status 7"),
        ("kill -KILL $$", "was killed by SIGKILL"),
        ("kill -40 $$", "was killed by signal 40"),
        ("rm -r ${{outputs.model}}", "wrote no output 'model'"),
    ],
)
def test_a_command_that_fails_fails_the_job_and_leaves_no_output(
    trainable: ScratchProject, command: str, says: str
) -> None:
    text = TRAIN.replace(
        "python fit.py ${{inputs.lines}} ${{inputs.word}} ${{outputs.model}}", command
    )
    trainable.write("models/echo/train.yml", text)
    done = trainable.run("train", "echo")
    assert done.returncode == 1
    assert says in done.stderr.splitlines()[-1]
    assert not list(trainable.home.glob("jobs/*/named-outputs/*"))


def test_a_command_that_outlives_its_limit_is_ended(trainable: ScratchProject) -> None:
    trainable.write(
        "models/echo/train.yml",
        TRAIN.replace("python fit.py", "sleep 600; python fit.py") + "limits: {timeout: 1}\n",
    )
    done = trainable.run("train", "echo")
    assert done.returncode == 1
    assert "took longer than 1 s (limits.timeout)" in done.stderr


def test_a_job_that_an_older_runner_wrote_down_is_refused_in_one_line(tmp_path: Path) -> None:
    kept: dict[str, object] = {
        "command": "true",
        "code": "/src",
        "inputs": {},
        "outputs": {},
        "timeout": None,
    }
    for written in (json.dumps(kept).encode(), seal(kept)):
        (tmp_path / "command.json").write_bytes(written)
        with pytest.raises(JobFailed, match="another version of runner"):
            read_command(tmp_path)


def test_a_command_that_is_not_as_it_was_written_is_not_run(tmp_path: Path) -> None:
    write_command(Command("echo yes", RunPlan("e", "n")), tmp_path)
    assert read_command(tmp_path).command == "echo yes"
    file = tmp_path / "command.json"
    file.write_bytes(file.read_bytes().replace(b"echo yes", b"echo yet"))
    with pytest.raises(JobFailed, match="is damaged"):
        read_command(tmp_path)


DEAF = (
    "import pathlib, signal, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "while True:\n    pathlib.Path('alive').touch()\n    time.sleep(0.1)\n"
)


def beats(folder: Path) -> bool:
    """Return whether a script still touches its file `alive`."""
    alive = folder / "alive"
    before = alive.stat().st_mtime_ns
    time.sleep(0.5)
    return alive.stat().st_mtime_ns != before


def test_a_canceled_job_leaves_nothing_running_that_the_shell_started(
    trainable: ScratchProject,
) -> None:
    trainable.write("models/echo/fit.py", DEAF)
    # The shell hears the signal and ends, and its child does not.
    text = TRAIN.replace("python fit.py", "cd . && python fit.py").replace("model}}", "model}}; :")
    trainable.write("models/echo/train.yml", text)
    job = trainable.json("train", "echo", "--no-wait")
    code = Path(job["folder"], "code")
    while not (code / "alive").exists():
        time.sleep(0.05)
    assert trainable.json("jobs", "cancel", job["name"])["status"] == "Canceled"
    assert not beats(code)


def test_what_a_command_leaves_running_ends_with_its_job(trainable: ScratchProject) -> None:
    text = TRAIN.replace("python fit.py", "python beat.py & sleep 1; python fit.py")
    trainable.write("models/echo/train.yml", text)
    trainable.write("models/echo/beat.py", DEAF.replace("SIG_IGN", "SIG_DFL"))
    job = trainable.json("train", "echo")
    assert job["status"] == "Completed"
    assert not beats(Path(job["folder"], "code"))


def test_code_that_cannot_be_copied_leaves_nothing_behind(trainable: ScratchProject) -> None:
    os.mkfifo(trainable.root / "models" / "echo" / "pipe")
    done = trainable.run("train", "echo")
    assert done.returncode == 2
    assert "pipe is neither a file nor a folder" in done.stderr
    assert not list(trainable.home.glob("jobs/*"))


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("train", "ehco"), 3, "did you mean 'echo'?"),
        (("train", "echo", "--set", "wrod=x"), 2, "did you mean 'word'?"),
        (("train", "echo", "--set", "lines=nowhere"), 3, "no file or folder"),
        (("models", "register", "--name", "m", "--from-job", "none"), 3, "no job 'none'"),
    ],
)
def test_a_wrong_call_gives_one_line_and_its_exit_status(
    trainable: ScratchProject, words: tuple[str, ...], status: int, says: str
) -> None:
    done = trainable.run(*words)
    assert (done.returncode, done.stderr.count("\n")) == (status, 1)
    assert says in done.stderr
