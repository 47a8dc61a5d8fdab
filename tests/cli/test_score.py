from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from runner.cli.score import score
from runner.declarations.batch import PER_CALL
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.workspace import Invocation, JobStatus, LogLine
from tests.projects import make_project

from .conftest import Run, as_printed
from .memory import MemoryWorkspace, progress


def test_without_options_everything_is_as_declared(run: Run, workspace: MemoryWorkspace) -> None:
    assert run("score").status == 0
    assert workspace.invocations == [Invocation()]


def test_every_option_reaches_the_invocation(run: Run, workspace: MemoryWorkspace) -> None:
    line = (
        "score diabetes-batch -d script --data data/new --input-type uri_folder -m 2 -c 3"
        " --set retry_settings.timeout=60 --set settings.output_file_name=a=b.csv"
        " --output-path out"
    )
    assert run(*line.split()).status == 0
    assert workspace.invocations == [
        Invocation(
            endpoint="diabetes-batch",
            deployment="script",
            data="data/new",
            input_type="uri_folder",
            mini_batch_size=2,
            instance_count=3,
            settings={"retry_settings.timeout": "60", "settings.output_file_name": "a=b.csv"},
            output_path="out",
        )
    ]


def test_input_is_another_name_of_data(run: Run, workspace: MemoryWorkspace) -> None:
    run("score", "--input", "azureml:patients@latest")
    assert workspace.invocations[0].data == "azureml:patients@latest"


def test_the_summary_goes_to_stdout_and_the_progress_to_stderr(run: Run) -> None:
    result = run("score")
    lines = dict(line.split(None, 1) for line in result.out.splitlines() if line[0] != " ")
    assert lines["job"] == "job-1"
    assert lines["status"] == "Completed"
    assert lines["rows"] == "400"
    assert lines["files"] == "4"
    assert lines["failures"] == "0"
    assert lines["retries"] == "1"
    assert lines["seconds"] == "2.0"
    assert lines["output"] == "/jobs/here/predictions.csv"
    assert lines["report"] == "/jobs/here/report.html"
    assert lines["speed"] == "200 rows a second"
    assert "0  300   75.0%\n" in result.out
    assert "1  100   25.0%\n" in result.out
    assert result.err == "job job-1: 4 mini-batches\n"


def test_json_is_the_summary_and_nothing_else(run: Run, workspace: MemoryWorkspace) -> None:
    result = run("score", "-o", "json")
    assert json.loads(result.out) == as_printed(workspace.summary("job-1"))


def test_predictions_that_are_no_classes_are_left_out(run: Run, workspace: MemoryWorkspace) -> None:
    workspace.predictions = {}
    assert "predictions " not in run("score").out


def test_logs_are_shown_only_with_v(run: Run) -> None:
    assert "loading" not in run("score").err
    assert "loading\n" in run("score", "-v").err


def test_a_failed_job_is_one_line_and_status_1(run: Run, workspace: MemoryWorkspace) -> None:
    workspace.ending = JobStatus.FAILED
    workspace.error = "patients-2.csv: row 3: Age: 'old' is no double"
    result = run("score", "-o", "json", "--download", "out")
    assert result.status == 1
    assert result.out == ""
    assert result.err.splitlines()[-1] == (
        "error: job job-1 failed: patients-2.csv: row 3: Age: 'old' is no double;"
        " its logs and report lie in /jobs/here"
    )
    assert workspace.downloads == []


@pytest.mark.parametrize(
    ("ending", "words"),
    [(JobStatus.CANCELED, "was canceled"), (JobStatus.NOT_RESPONDING, "stopped responding")],
)
def test_a_job_that_was_cut_off_says_how_to_resume(
    run: Run, workspace: MemoryWorkspace, ending: JobStatus, words: str
) -> None:
    workspace.ending = ending
    result = run("score")
    assert result.status == 1
    assert (
        f"error: job job-1 {words}; take it up again with `runner jobs resume job-1`\n"
        in result.err
    )
    result = run("score", "--env", "prod")
    assert (
        f"error: job job-2 {words}; score again with `runner score diabetes-batch --env prod`"
        " and the same options\n" in result.err
    )


def test_elsewhere_the_name_of_the_job_is_told_at_once(run: Run) -> None:
    assert run("score", "--env", "prod").err.startswith("job job-1 has begun; Ctrl-C cancels it\n")


def test_a_job_whose_progress_cannot_be_followed_goes_on_and_can_be_picked_up(
    run: Run, workspace: MemoryWorkspace
) -> None:
    def lose() -> None:
        raise EnvironmentRefused("the network is gone")

    workspace.on_follow = lose
    result = run("score", "--env", "prod")
    assert (result.status, result.out) == (3, "")
    assert result.err.splitlines()[-2:] == [
        "job job-1 goes on; `runner jobs stream job-1 --env prod` watches it",
        "error: the network is gone",
    ]


def test_results_that_cannot_be_fetched_can_be_fetched_later(
    run: Run, workspace: MemoryWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_name: str) -> None:
        raise EnvironmentRefused("no right to the storage")

    monkeypatch.setattr(workspace, "collect", refuse)
    result = run("score", "--env", "prod")
    assert (result.status, result.out) == (3, "")
    assert result.err.splitlines()[-2:] == [
        "job job-1 is Completed; `runner jobs stream job-1 --env prod` fetches its results",
        "error: no right to the storage",
    ]


def test_no_wait_prints_the_name_and_does_not_follow(run: Run, workspace: MemoryWorkspace) -> None:
    result = run("score", "--no-wait")
    assert (result.status, result.out, result.err) == (0, "job-1\n", "")
    assert workspace.job().status is JobStatus.RUNNING


def test_no_wait_as_json_is_the_job(run: Run, workspace: MemoryWorkspace) -> None:
    result = run("score", "--no-wait", "-o", "json")
    assert json.loads(result.out) == as_printed(workspace.job())


def test_download_copies_the_results(run: Run, workspace: MemoryWorkspace) -> None:
    result = run("score", "--download", "out", "-o", "json")
    assert workspace.downloads == [("job-1", Path("out"))]
    assert "downloaded to out\n" in result.err
    json.loads(result.out)


def test_a_place_that_exists_is_refused_before_the_job_begins(
    run: Run, workspace: MemoryWorkspace, tmp_path: Path
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "dangling").symlink_to("nowhere")
    for place in ("there", "dangling"):
        result = run("score", "--download", place)
        assert (result.status, result.out) == (2, "")
        assert f"'--download-path': {place} exists already; name another place" in result.err
    assert workspace.invocations == []


@pytest.mark.parametrize("output_path", ["out", "out/below"])
def test_a_download_to_where_the_output_goes_is_refused_before_the_job_begins(
    run: Run, workspace: MemoryWorkspace, output_path: str
) -> None:
    assert run("score", "--download", "out", "--output-path", output_path).status == 2
    assert workspace.invocations == []


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_download_that_fails_does_not_keep_the_summary_back(
    run: Run, workspace: MemoryWorkspace, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    def refuse(_name: str, _target: Path) -> None:
        raise EnvironmentRefused("no room left")

    monkeypatch.setattr(workspace, "download_job", refuse)
    result = run("score", "--download", "out", "-o", output)
    assert result.status == 3
    assert result.err.endswith("error: no room left\n")
    assert "Completed" in result.out
    if output == "json":
        assert json.loads(result.out)["rows"] == 400


def test_what_nobody_counts_is_not_told(run: Run, workspace: MemoryWorkspace) -> None:
    workspace.retries = workspace.failed_files = None
    out = run("score").out
    assert "retries" not in out
    assert "failures" not in out
    found = json.loads(run("score", "-o", "json").out)
    assert (found["retries"], found["failed_files"]) == (None, None)


@pytest.mark.parametrize("line", ["score", "score --no-wait", "score -o json"])
def test_what_is_worth_knowing_at_the_start_is_a_warning(
    run: Run, workspace: MemoryWorkspace, line: str
) -> None:
    quiet = run(*line.split())
    workspace.notices = ("data/new looks changed",)
    result = run(*line.split())
    assert result.err.splitlines()[0] == "warning: data/new looks changed"
    assert result.err.count("warning") == 1
    assert result.out == quiet.out.replace("job-1", "job-2")


def test_a_job_already_under_way_says_what_is_done(run: Run, workspace: MemoryWorkspace) -> None:
    workspace.events = [progress(3)]
    assert run("score").err == "job job-1: 4 mini-batches, 3 done\n"


@pytest.mark.parametrize(
    ("error", "status"), [(NotFound, 3), (EnvironmentRefused, 3), (WrongUsage, 2)]
)
def test_a_refused_invocation_is_one_line_and_its_status(
    run: Run,
    workspace: MemoryWorkspace,
    monkeypatch: pytest.MonkeyPatch,
    error: type[Exception],
    status: int,
) -> None:
    def refuse(_invocation: Invocation) -> None:
        raise error("no endpoint 'x'; did you mean 'y'?")

    monkeypatch.setattr(workspace, "invoke", refuse)
    result = run("score", "x")
    assert (result.status, result.out) == (status, "")
    assert result.err == "error: no endpoint 'x'; did you mean 'y'?\n"


@pytest.mark.parametrize(
    "wrong",
    [
        ("-m", "0"),
        ("-c", "none"),
        ("--input-type", "mltable"),
        ("--set", "error_threshold"),
        ("--set", "=1"),
        ("--no-wait", "--download", "out"),
        ("one", "two"),
        ("-o", "yaml"),
    ],
)
def test_wrong_options_are_one_line_and_status_2(
    run: Run, workspace: MemoryWorkspace, wrong: tuple[str, ...]
) -> None:
    result = run("score", *wrong)
    assert (result.status, result.out) == (2, "")
    assert result.err.count("\n") == 1
    assert result.err.startswith("error: ")
    assert result.err.endswith("see `runner score --help`\n")
    assert workspace.invocations == []


def test_odd_bytes_of_a_file_name_are_printed_escaped(run: Run, workspace: MemoryWorkspace) -> None:
    workspace.predictions = {"caf\udce9": 1}
    workspace.events = [LogLine("read caf\udce9.csv"), progress(4)]
    result = run("score", "-v")
    assert result.status == 0
    assert "caf\\udce9" in result.out
    assert "read caf\\udce9.csv" in result.err


def test_a_pattern_that_the_shell_took_apart_is_told(
    run: Run, workspace: MemoryWorkspace, tmp_path: Path
) -> None:
    names = ("a.csv", "b.csv", "c.csv", "d.csv")
    for name in names:
        (tmp_path / name).touch()
    for count in (2, 3, 4):
        result = run("score", "--data", *names[:count])
        assert result.status == 2
        assert "quote a pattern of files, as in --data 'folder/*.csv'" in result.err
    assert "quote" not in run("score", "diabetes-batch", "extra").err
    assert workspace.invocations == []


def test_what_a_failed_job_has_to_say_besides_its_error_is_told(
    run: Run, workspace: MemoryWorkspace
) -> None:
    workspace.ending, workspace.error = JobStatus.FAILED, "no file could be scored: ValueError: x"
    workspace.summary_notices = ("mini-batch 0: ValueError: x", "mind the version")
    lines = run("score").err.splitlines()
    assert [line for line in lines if line.startswith("warning:")] == ["warning: mind the version"]
    assert lines[-1].startswith("error: job job-1 failed: no file could be scored")


def test_the_help_of_set_names_every_setting_that_a_call_changes() -> None:
    # Written out there: reading the declarations' table would slow each start of the runner.
    here = [key for key, where in PER_CALL.items() if where == "this machine"]
    (option,) = (param for param in score.params if param.name == "settings")
    assert isinstance(option, click.Option)
    text = str(option.help)
    assert f"by its key in the YAML: {', '.join(PER_CALL)}. May be repeated." in text
    assert f"On Azure a call changes neither {' nor '.join(here)}." in text


NIGHTLY = """\
config:
  scoring:endpoints:
    echo:
      schedules:
        nightly:
          cron: "0 2 * * *"
          input: azureml:lines@latest
          input_type: uri_folder
          settings: {mini_batch_size: 7, retry_settings: {timeout: 90}}
"""


def test_the_call_of_a_schedule_is_made_by_hand(run: Run, workspace: MemoryWorkspace) -> None:
    make_project(Path.cwd()).write("Pulumi.dev.yaml", NIGHTLY)
    assert run("score", "--scheduled", "nightly", "--env", "dev").status == 0
    assert run("score", "echo", "--scheduled", "nightly", "--env", "dev").status == 0
    call = Invocation(
        endpoint="echo",
        data="azureml:lines@latest",
        input_type="uri_folder",
        settings={"mini_batch_size": "7", "retry_settings.timeout": "90"},
    )
    assert workspace.invocations == [call, call]

    told = run("score", "--scheduled", "nightli", "--env", "dev")
    assert told.status == NotFound.exit_status
    assert "Pulumi.dev.yaml has no schedule 'nightli'" in told.err
    assert "there is only 'nightly'" in told.err or "did you mean 'nightly'?" in told.err
    told = run("score", "--scheduled", "nightly", "-m", "2", "--set", "a=b", "--env", "dev")
    assert told.status == 2
    assert "leave out --mini-batch-size, --set, or leave out --scheduled" in told.err
