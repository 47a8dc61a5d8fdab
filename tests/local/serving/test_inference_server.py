"""Scoring scripts of online deployments, under Azure's inference server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.errors import JobFailed
from runner.local.serving.deployment import Deployment
from runner.local.serving.process import Process

from .scripts import posted, script_plan

INIT = "def init(): pass\n"
PLACE = """
import atexit, os, pathlib, sys, neighbour
atexit.register(pathlib.Path("at-exit").touch)
def init(): pass
def run(raw_data):
    return {
        "neighbour": neighbour.word,
        "folder": os.getcwd(),
        "variables": {name: os.environ.get(name) for name in raw_data.split()},
        "stdin": sys.stdin.read(),
        "path": sys.path.index(os.getcwd()) > sys.path.index(os.path.dirname(os.__file__)),
    }
"""


def test_a_script_finds_the_place_that_it_has_on_azure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORING_TIMEOUT_MS", "1")  # the shell's, which is for nobody here
    monkeypatch.setenv("AML_APP_INSIGHTS_ENABLED", "true")
    code = tmp_path / "code"
    (code / "sub").mkdir(parents=True)
    (code / "neighbour.py").write_text("word = 'hello'\n")
    plan = script_plan(code, PLACE, environment_variables={"COLOUR": "blue", "SERVICE_NAME": "s"})
    wanted = {
        "AML_APP_INSIGHTS_ENABLED": "false",
        "AML_APP_ROOT": str(code),
        "AZUREML_ENTRY_SCRIPT": str(code / "score.py"),
        "COLOUR": "blue",
        "HTTP_X_MS_SERVER_VERSION": "azmlinfsrv/1.5.1",
        "SCORING_TIMEOUT_MS": None,
        "SERVICE_NAME": "s",
        "WORKER_COUNT": "1",
    }
    with (tmp_path / "log.txt").open("wb") as file, Deployment(plan, file) as deployment:
        deployment.start()
        answer = deployment.score(posted(" ".join(wanted).encode()))
    assert (answer.status, answer.by_model) == (200, True)
    assert json.loads(answer.body) == {
        "neighbour": "hello",
        "folder": str(code),
        "variables": wanted,
        "stdin": "",
        "path": True,
    }
    # At its end a script does what it has to do; and its folder stays as it was declared.
    left = {path.name for path in code.rglob("*")}
    assert left == {"at-exit", "neighbour.py", "score.py", "sub"}


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """Return each script of `WRONG` with the message about it; they are started side by side."""
    started: list[Process] = []
    try:
        for number, script in enumerate(WRONG):
            folder = tmp_path_factory.mktemp(f"wrong-{number}")
            with (folder / "log.txt").open("wb") as log:
                started.append(Process(script_plan(folder / "code", script), log))
        said = []
        for process, script in zip(started, WRONG, strict=True):
            with pytest.raises(JobFailed) as failed:
                process.wait_until_ready()
            said.append((script, str(failed.value)))
        return said
    finally:
        for process in started:
            process.end()


WRONG: dict[str, str] = {
    "def run(raw_data): pass\n": "score.py does not have a init() function defined.",
    INIT: "score.py does not have a run() function defined.",
    INIT + "def run(): pass\n": "score.py: run() needs to accept an argument for input data.",
    "import no_such_module\n": "score.py can't be imported: ModuleNotFoundError: No module named",
    "raise SystemExit(3)\n": "score.py can't be imported: it calls exit(3)",
    "def init(): 1 / 0\ndef run(raw_data): pass\n": (
        "score.py: init() raised ZeroDivisionError: division by zero (line 1)"
    ),
    "import os\nos._exit(3)\n": "deployment 'blue' did not start: its process exited with status 3",
}


def test_a_script_that_cannot_serve_says_why_in_one_line(failures: Any) -> None:
    for script, said in failures:
        assert WRONG[script] in said
        assert "\n" not in said
    assert len(failures) == len(WRONG)
    missing = dict(failures)["import no_such_module\n"]
    assert missing.endswith(
        "'no_such_module' (line 1); add the package to what the deployment declares: the"
        " conda_file of its environment"
    )


def test_what_the_server_refuses_of_its_settings_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "config.json").write_text("{")
    with (
        (tmp_path / "log.txt").open("wb") as log,
        pytest.raises(JobFailed, match=r"can't be set up for script .*: JSONDecodeError: .*; see"),
        Deployment(script_plan(tmp_path / "code", INIT), log) as deployment,
    ):
        deployment.start()


def test_a_python_without_the_server_is_told_in_one_line(tmp_path: Path) -> None:
    plan = script_plan(tmp_path, INIT, python=None)
    with (
        (tmp_path / "log.txt").open("wb") as log,
        pytest.raises(JobFailed, match=r"runs under azureml-inference-server-http, and .* has no"),
        Deployment(plan, log) as deployment,
    ):
        deployment.start()


ODD = """
import json
from flask import Response
from azureml.contrib.services.aml_request import rawhttp

def init():
    pass

@rawhttp
def run(request):
    status, headers = json.loads(request.get_data())
    return Response("odd", status, headers)
"""


def test_an_answer_that_http_cannot_write_is_a_failure_of_the_script(tmp_path: Path) -> None:
    odd: list[tuple[object, dict[str, str]]] = [
        *((status, {}) for status in (0, -1, 99, 1000, "abc")),
        *((200, {"X-A": value}) for value in ("a\0b", "a\x0bb", "a\x0cb", "\u20ac")),
        *((200, {name: "b"}) for name in ("", "X A", "X:")),
    ]
    plan = script_plan(tmp_path / "code", ODD)
    with (tmp_path / "log.txt").open("wb") as log, Deployment(plan, log) as deployment:
        deployment.start()
        for status, headers in odd:
            answer = deployment.score(posted(json.dumps([status, headers]).encode()))
            assert (answer.status, answer.by_model) == (500, True), (status, headers)
        assert deployment.score(posted(b'[299, {"X-A": "\\u00e9"}]')).status == 299
