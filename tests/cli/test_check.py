"""`runner check` on a whole project, as a person calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.projects import ROOT, ScratchProject, make_project

from .conftest import Run


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScratchProject:
    """Return a project that is clean but for what a test breaks."""
    project = make_project(tmp_path)
    project.deployment(
        "environment: {image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest}\n"
    )
    monkeypatch.chdir(tmp_path)
    return project


def test_the_shipped_samples_are_clean(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("RUNNER_HOME", str(tmp_path))
    result = run("check")
    assert result.out == ""
    assert result.status == 0


def test_a_clean_project_says_so_on_stderr(run: Run, project: ScratchProject) -> None:
    result = run("check")
    assert (result.status, result.out) == (0, "")
    assert result.err == "nothing was found that would fail on Azure\n"


def test_a_finding_is_a_line_with_its_place_and_the_status_is_1(
    run: Run, project: ScratchProject
) -> None:
    project.script("def init():\n    pass\n")
    result = run("check")
    assert result.status == 1
    assert result.out == (
        "models/echo/code/score.py: has no function run(): define run(mini_batch)\n"
    )
    assert result.err == "1 error\n"


def test_warnings_alone_leave_the_status_0(run: Run, project: ScratchProject) -> None:
    project.script("def init():\n    open('/home/me/x')\n\ndef run(batch):\n    return batch\n")
    result = run("check")
    assert result.status == 0
    assert result.out.startswith("models/echo/code/score.py:2: warning: /home/me/x is a path of")
    assert result.err == "1 warning\n"


def test_json_is_a_list_of_records_and_nothing_else(run: Run, project: ScratchProject) -> None:
    project.script("def init(\n")
    result = run("check", "-o", "json")
    (record,) = json.loads(result.out)
    assert record["file"] == str(project.root / "models/echo/code/score.py")
    assert (record["line"], record["code"], record["severity"]) == (1, "syntax", "error")
    assert "syntax error" in record["text"]
    assert (result.status, result.err) == (1, "")


def test_json_of_nothing_is_an_empty_list(run: Run, project: ScratchProject) -> None:
    assert json.loads(run("check", "-o", "json").out) == []


def test_a_broken_project_shows_all_that_is_wrong_at_once_and_in_order(
    run: Run, project: ScratchProject
) -> None:
    project.write("models/echo/model.yml", "name: greeting\npath: ./greetings\ntype: custom\n")
    project.write("models/broken/model.yml", "name: other\npath: ./missing\n")
    project.write(
        "models/echo/code/score.py", "def init(path):\n    pass\n\ndef run():\n    pass\n"
    )
    lines = run("check").out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        "models/broken/model.yml:2",
        "models/echo/code/score.py:1",
        "models/echo/code/score.py:4",
        "models/echo/code/score.py:4",
        "models/echo/model.yml:3",
    ]


def test_what_could_not_be_checked_is_told_on_stderr(
    run: Run, project: ScratchProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    project.write(
        "models/echo/conda.yml",
        "dependencies: [python=3.11, {pip: [--index-url http://127.0.0.1:9/, azureml-core]}]\n",
    )
    project.deployment("environment: {image: any, conda_file: ./conda.yml}\n")
    result = run("check")
    assert (result.status, result.out) == (0, "")
    first, last = result.err.splitlines()
    assert first.startswith("packages of models/echo/conda.yml are not checked: ")
    assert last == "nothing was found that would fail on Azure in what could be checked"
    assert json.loads(run("check", "-o", "json").out) == []


def test_a_name_limits_what_is_checked(run: Run, project: ScratchProject) -> None:
    project.write("models/other/model.yml", "name: other\npath: ./missing\n")
    assert run("check").status == 1
    assert run("check", "echo").status == 0
    assert run("check", "greeting").status == 0
    assert run("check", "other").status == 1


def test_an_endpoint_s_model_is_checked_with_it(run: Run, project: ScratchProject) -> None:
    (project.root / "models/echo/greeting/greeting.txt").unlink()
    (project.root / "models/echo/greeting").rmdir()
    assert "models/echo/model.yml" in run("check", "echo").out


def test_a_name_may_be_that_of_what_can_not_be_read(run: Run, project: ScratchProject) -> None:
    project.write("models/echo/batch-endpoint.yml", "name: echo\ndefault: main\n")
    result = run("check", "echo")
    assert result.status == 1
    assert "models/echo/batch-endpoint.yml:2: default: unknown key" in result.out


def test_an_unknown_name_names_a_near_one(run: Run, project: ScratchProject) -> None:
    result = run("check", "ehco")
    assert result.status == 3
    assert "did you mean 'echo'?" in result.err
