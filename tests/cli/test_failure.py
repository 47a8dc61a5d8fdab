from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from runner.cli.failure import print_error, print_warning, report
from runner.declarations.problem import DeclarationError, Place, Problem
from runner.errors import EnvironmentRefused, JobFailed, NotFound, RunnerError, WrongUsage

from .conftest import Run
from .memory import MemoryWorkspace


@pytest.mark.parametrize(
    ("kind", "status"),
    [(RunnerError, 1), (JobFailed, 1), (WrongUsage, 2), (EnvironmentRefused, 3), (NotFound, 3)],
)
def test_an_error_has_the_status_of_its_class(
    kind: type[RunnerError], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(kind("no way; go there")) == status
    assert capsys.readouterr().err == "error: no way; go there\n"


def test_each_problem_of_a_declaration_is_a_line_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    problems = [Problem(Place(Path("a.yml"), line), "name", "missing") for line in (1, 2)]
    report(DeclarationError(problems))
    assert (
        capsys.readouterr().err == "error: a.yml:1: name: missing\nerror: a.yml:2: name: missing\n"
    )


def test_a_file_below_the_current_folder_is_named_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = DeclarationError([Problem(Place(tmp_path / "models/a.yml", 1), "name", "missing")])
    assert str(error) == f"{tmp_path}/models/a.yml:1: name: missing"
    monkeypatch.chdir(tmp_path)
    report(error)
    print_warning(f"{tmp_path}/data looks changed; `runner data register -f {tmp_path}/a.yml`")
    assert capsys.readouterr().err == (
        "error: models/a.yml:1: name: missing\n"
        "warning: data looks changed; `runner data register -f a.yml`\n"
    )


def test_a_line_break_in_a_name_does_not_make_a_second_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report(JobFailed("input two\nlines.csv is empty"))
    assert capsys.readouterr().err == "error: input two\\nlines.csv is empty\n"


@pytest.mark.parametrize("show", [print_error, print_warning])
def test_a_line_too_long_to_read_loses_its_middle(
    show: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    show(f"no file {'x' * 5000}\n; name another")
    line = capsys.readouterr().err
    assert len(line) < 1100
    assert " no file xxx" in line
    assert "xxx ... xxx" in line
    assert line.endswith("x\\n; name another\n")
    show("y" * 1000)
    assert "y" * 1000 in capsys.readouterr().err


def test_the_unexpected_is_one_line_that_names_the_way_to_the_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert report(ValueError("two\nlines")) == 1
    assert capsys.readouterr().err == (
        "error: unexpected ValueError: two lines; run again with -v for the traceback\n"
    )


def test_an_error_of_the_system_names_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(OSError(28, "No space left on device", "out.csv")) == 1
    report(OSError(28, "No space left on device", b"caf\xe9"))
    report(OSError(28, "No space left on device"))
    assert capsys.readouterr().err == (
        "error: out.csv: No space left on device\n"
        "error: caf\\udce9: No space left on device\n"
        "error: No space left on device\n"
    )


def test_an_interruption_is_status_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(click.Abort()) == 130
    assert capsys.readouterr().err == "error: interrupted\n"


@pytest.mark.parametrize("line", ["-v jobs list", "jobs -v list", "jobs list -v"])
def test_v_shows_the_traceback_wherever_it_stands(
    run: Run, workspace: MemoryWorkspace, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("lost")

    monkeypatch.setattr(workspace, "jobs", fail)
    assert "Traceback" not in run("jobs", "list").err
    result = run(*line.split())
    assert result.status == 1
    assert "Traceback (most recent call last)" in result.err
    assert 'raise KeyError("lost")' in result.err
    assert result.err.splitlines()[-1].startswith("error: unexpected KeyError: 'lost'")


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("scor", "no command 'scor'; did you mean 'score'?; see `runner --help`"),
        ("jobs lst", "see `runner jobs --help`"),
        ("score --foo", "see `runner score --help`"),
        ("-v", "see `runner --help`"),
    ],
)
def test_wrong_usage_is_one_line_that_names_the_help(run: Run, line: str, error: str) -> None:
    result = run(*line.split())
    assert (result.status, result.out) == (2, "")
    assert re.match(r"error: [a-z]", result.err)
    assert result.err.endswith(f"{error}\n")
    assert result.err.count("\n") == 1


def test_a_former_name_of_an_option_is_not_suggested(run: Run) -> None:
    error = run("models", "list", "--output-path", "folder").err
    assert "--outputs" not in error
    assert "'--stack-output'" in run("models", "list", "--stack-outpt", "file").err


def test_pulumis_commands_begin_with_the_projects_script_where_no_pulumi_is_on_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "scripts" / "pulumi"
    script.parent.mkdir()
    script.touch(mode=0o755)
    (tmp_path / "Pulumi.yaml").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    print_error("run `pulumi login`")
    monkeypatch.chdir(script.parent)
    print_error("run `pulumi login`")
    monkeypatch.setenv("PATH", str(script.parent))
    print_error("run `pulumi login`")
    assert capsys.readouterr().err.splitlines() == [
        f"error: run `{command} login`" for command in ("scripts/pulumi", "./pulumi", "pulumi")
    ]


def test_an_option_without_its_value_names_the_help_of_its_command(run: Run) -> None:
    assert "see `runner train --help`" in run("train", "diabetes", "--set").err
