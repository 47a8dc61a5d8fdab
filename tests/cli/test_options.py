from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Run
from .memory import MemoryWorkspace


@pytest.mark.parametrize(
    "line",
    [
        "-e prod jobs list",
        "jobs --env prod list",
        "jobs list -e prod",
        "-e dev jobs list --env prod",
        "--env=dev jobs -e test list -eprod",
    ],
)
def test_the_environment_may_stand_anywhere_and_the_last_one_wins(
    run: Run, workspace: MemoryWorkspace, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setenv("RUNNER_ENV", "other")
    run(*line.split())
    assert workspace.environment == "prod"


@pytest.mark.parametrize(("variable", "environment"), [("dev", "dev"), ("", "local")])
def test_the_environment_is_runner_env_else_local(
    run: Run,
    workspace: MemoryWorkspace,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    environment: str,
) -> None:
    workspace.environment = "none"
    monkeypatch.setenv("RUNNER_ENV", variable)
    run("jobs", "list")
    assert workspace.environment == environment


@pytest.mark.parametrize(
    "command",
    [
        ["score"],
        ["serve", "diabetes-online"],
        ["invoke", "diabetes-online", "request.json"],
        ["train", "diabetes"],
    ],
    ids=lambda words: words[0],
)
def test_what_makes_the_declared_environment_is_asked_of_this_machine_alone(
    run: Run, workspace: MemoryWorkspace, tmp_path: Path, command: list[str]
) -> None:
    (tmp_path / "request.json").write_text("{}")
    assert run(*command, "--env-manager", "uv").status == 0
    assert workspace.env_manager == "uv"
    assert run(*command).status == 0
    assert workspace.env_manager is None
    refused = run(*command, "--env-manager", "local", "--env", "dev")
    assert refused.status == 2
    if command[0] != "serve":  # which is refused by itself
        assert "--env-manager is for this machine: elsewhere the platform makes" in refused.err
    assert "'conad' is not one of" in run(*command, "--env-manager", "conad").err


@pytest.mark.parametrize(
    "line",
    [
        ["score", ""],
        ["score", "--data", ""],
        ["score", "--data="],
        ["score", "--env", ""],
        ["-e", "", "score"],
        ["score", "-d", ""],
        ["score", "--output-path", ""],
        ["score", "--download", ""],
        ["jobs", "show", ""],
        ["jobs", "stream", ""],
        ["jobs", "cancel", ""],
        ["jobs", "resume", ""],
        ["jobs", "download", ""],
        ["endpoints", "show", ""],
        ["invoke", "", "request.json"],
        ["models", "show", ""],
        ["models", "register", "--name", ""],
        ["train", ""],
        ["serve", ""],
        ["completion", ""],
    ],
)
def test_an_empty_argument_is_refused(
    run: Run, workspace: MemoryWorkspace, line: list[str]
) -> None:
    """A shell variable that is not set leaves one; the latest job is not what was meant."""
    result = run(*line)
    assert (result.status, result.out, result.err.count("\n")) == (2, "", 1)
    assert "it is empty; name something; see `runner" in result.err
    assert workspace.invocations == []


def test_a_setting_may_be_empty(run: Run, workspace: MemoryWorkspace) -> None:
    assert run("score", "--set", "output_file_name=").status == 0
    assert workspace.invocations[0].settings == {"output_file_name": ""}


def test_former_names_of_options_work_and_are_told_by_no_help(
    run: Run, workspace: MemoryWorkspace
) -> None:
    for option in ("--download", "--download-path"):
        assert run("score", option, f"out{option}").status == 0
    assert [path for _, path in workspace.downloads] == [
        Path("out--download"),
        Path("out--download-path"),
    ]
    shown = run("score", "--help").out
    assert "--download-path" in shown
    assert "--download " not in shown
    assert "--outputs" not in shown
