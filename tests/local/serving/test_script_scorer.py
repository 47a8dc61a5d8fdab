"""Scoring scripts of online deployments, as Azure's inference server runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.errors import JobFailed
from runner.local.serving.deployment import Deployment

from .scripts import posted, script_plan

INIT = "def init(): pass\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.txt"


def answer_of(folder: Path, log: Path, script: str, body: bytes) -> tuple[int, bytes]:
    with log.open("wb") as file, Deployment(script_plan(folder, script), file) as deployment:
        deployment.start()
        answer = deployment.score(posted(body))
        assert answer.by_model
        assert answer.content_type == "application/json"
        return answer.status, answer.body


@pytest.mark.parametrize(
    ("returned", "body"),
    [
        ("raw_data", b'"\\u00e9"'),
        ("[1, 2.5, None, True]", b"[1, 2.5, null, true]"),
        ("{'a': (1, 2)}", b'{"a": [1, 2]}'),
        ("None", b"{}"),
    ],
)
def test_run_gets_the_raw_text_and_what_it_returns_is_written_as_json(
    tmp_path: Path, log: Path, returned: str, body: bytes
) -> None:
    script = INIT + f"def run(raw_data): return {returned}\n"
    assert answer_of(tmp_path, log, script, "é".encode()) == (200, body)


def test_what_json_has_no_word_for_fails_the_request(tmp_path: Path, log: Path) -> None:
    status, body = answer_of(tmp_path, log, INIT + "def run(raw_data): return object()\n", b"{}")
    assert status == 500
    assert "TypeError" in json.loads(body)["message"]
    assert "not JSON serializable" in log.read_text()


def test_a_body_that_is_no_text_is_a_bad_request(tmp_path: Path, log: Path) -> None:
    status, body = answer_of(tmp_path, log, INIT + "def run(raw_data): return 1\n", b"\xff")
    assert status == 400
    assert "not UTF-8" in json.loads(body)["message"]


def test_the_code_folder_is_where_a_script_works_and_finds_its_neighbours(
    tmp_path: Path, log: Path
) -> None:
    (tmp_path / "code" / "sub").mkdir(parents=True)
    (tmp_path / "code" / "neighbour.py").write_text("word = 'hello'\n")
    script = "import os, sys, neighbour\n" + INIT
    script += (
        "def run(raw_data): return [neighbour.word, os.getcwd(), os.environ['COLOUR'],"
        " sys.stdin.read()]\n"
    )
    plan = script_plan(tmp_path / "code", environment_variables={"COLOUR": "blue"})
    (tmp_path / "code" / "score.py").write_text(script)
    with log.open("wb") as file, Deployment(plan, file) as deployment:
        deployment.start()
        given = json.loads(deployment.score(posted(b"{}")).body)
    assert given == ["hello", str(tmp_path / "code"), "blue", ""]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("def run(raw_data): pass\n", "has no function init()"),
        (INIT, "has no function run()"),
        (INIT + "def run(): pass\n", "run() must take one value"),
        (INIT + "def run(a, b): pass\n", "run() must take one value"),
        ("import no_such_module\n", "can't be imported: ModuleNotFoundError"),
        ("def broken(:\n", "can't be imported: SyntaxError"),
        ("raise SystemExit(3)\n", "can't be imported: it calls exit(3)"),
        (
            "def init(): 1 / 0\ndef run(raw_data): pass\n",
            "init() raised ZeroDivisionError: division by zero (line 1)",
        ),
        ("import os\nos._exit(3)\n", "'blue' did not start: its process exited with status 3"),
    ],
)
def test_a_script_that_cannot_serve_says_why_in_one_line(
    tmp_path: Path, log: Path, script: str, reason: str
) -> None:
    with (
        log.open("wb") as file,
        pytest.raises(JobFailed) as failed,
        Deployment(script_plan(tmp_path, script), file) as deployment,
    ):
        deployment.start()
    assert reason in str(failed.value)
    assert "\n" not in str(failed.value)


def test_at_its_end_a_script_does_what_it_has_to_do(tmp_path: Path, log: Path) -> None:
    done = tmp_path / "done"
    script = f"import atexit, pathlib\natexit.register(pathlib.Path({str(done)!r}).touch)\n"
    answer_of(tmp_path, log, script + INIT + "def run(raw_data): return 1\n", b"{}")
    assert done.exists()
