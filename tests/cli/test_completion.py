from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runner.workspace import TrainingRequest
from tests.projects import make_project

from .conftest import Run
from .memory import MemoryWorkspace

Complete = Callable[[str], set[str]]


@pytest.fixture
def complete(run: Run, monkeypatch: pytest.MonkeyPatch) -> Complete:
    """Return a function that gives what bash is offered for the last word of a line."""

    def complete(line: str) -> set[str]:
        words = line.split(" ")
        monkeypatch.setenv("_RUNNER_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        result = run()
        assert (result.status, result.err) == (0, "")
        return {line.partition(",")[2] for line in result.out.splitlines() if line}

    return complete


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_printed(run: Run, shell: str) -> None:
    result = run("completion", shell)
    assert result.status == 0
    assert f"_RUNNER_COMPLETE={shell}_complete" in result.out


def test_another_shell_is_wrong_usage(run: Run) -> None:
    assert run("completion", "csh").status == 2


def test_commands_are_completed(complete: Complete) -> None:
    assert complete("runner s") == {"score", "serve"}
    assert complete("runner jobs re") == {"resume", "remove"}


def test_names_come_from_the_workspace(
    complete: Complete, workspace: MemoryWorkspace, tmp_path: Path
) -> None:
    workspace.train(TrainingRequest("diabetes"))
    assert complete("runner score ") == {"diabetes-batch"}
    assert complete("runner invoke ") == {"diabetes-online"}
    assert complete("runner score diabetes-batch -d ") == {"mlflow", "script"}
    assert complete("runner score -d ") == {"mlflow", "script"}
    assert complete("runner invoke -d ") == {"blue"}
    assert complete("runner jobs show ") == {"job-1"}
    assert complete("runner -e dev endpoints show ") == {"diabetes-batch", "diabetes-online"}
    assert workspace.environment == "dev"


def test_registered_names_are_completed(
    complete: Complete, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("models", "register", "--name", "diabetes", str(tmp_path))
    assert complete("runner models show ") == {"diabetes"}
    assert complete("runner data show ") == set()


def test_models_and_environments_come_from_the_project(complete: Complete, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").touch()
    (tmp_path / "Pulumi.prod.yaml").touch()
    (tmp_path / "models" / "diabetes").mkdir(parents=True)
    assert complete("runner train ") == {"diabetes"}
    assert complete("runner score --env ") == {"local", "prod"}
    assert complete("runner env show p") == {"prod"}


def test_schedules_come_from_the_environments_stack_file(
    complete: Complete, tmp_path: Path
) -> None:
    nightly = 'schedules: {nightly: {cron: "0 2 * * *"}}'
    stack = f"config:\n  scoring:endpoints:\n    echo: {{{nightly}}}\n"
    make_project(tmp_path).write("Pulumi.dev.yaml", stack)
    assert complete("runner score --env dev --scheduled ") == {"nightly"}
    assert complete("runner score echo --env dev --scheduled n") == {"nightly"}
    assert complete("runner score --scheduled ") == set()


def test_what_fails_offers_nothing_and_says_nothing(
    complete: Complete, workspace: MemoryWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OSError("out of reach")

    monkeypatch.setattr(workspace, "endpoints", fail)
    assert complete("runner score ") == set()
    assert complete("runner train ") == set()
    assert complete("runner --env ") == set()


def test_what_can_be_checked_is_what_is_declared(complete: Complete, tmp_path: Path) -> None:
    assert complete("runner check ") == set()
    make_project(tmp_path)
    assert complete("runner check ") == {"echo", "greeting"}
    assert complete("runner check g") == {"greeting"}
