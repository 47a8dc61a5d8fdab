"""Batch jobs on Databricks, from the command to the predictions on this machine."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runner.azure.client import RETRIES
from runner.databricks.client import DatabricksClient
from tests.azureml.scored import Run
from tests.databricks.jobs_stage import LinesProject
from tests.emulator.faults import Drop
from tests.projects import add_diabetes


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def sent_files(lines: LinesProject) -> list[str]:
    """Return the paths of files that were written into the volume."""
    log = lines.lake.emulator.requests
    return [entry.path for entry in log if entry.method == "PUT" and "/fs/files/" in entry.path]


def test_a_job_is_scored_on_a_cluster_as_it_is_here(lines: LinesProject, run: Run) -> None:
    summary = run("score", "-o", "json").json()
    assert (summary["status"], summary["rows"], summary["files"]) == ("Completed", 2, 2)
    predictions = Path(summary["output"])
    assert predictions.is_relative_to(lines.project.root)
    assert Path(summary["report"]).exists()
    here = run("score", "-o", "json", "--env", "local").json()
    assert predictions.read_bytes() == Path(here["output"]).read_bytes()
    assert len(lines.runs()) == 1


def test_a_job_that_fails_says_why(lines: LinesProject, run: Run) -> None:
    lines.lines(a="bad")
    done = run("score")
    assert done.status == 1
    assert "a bad line" in done.err
    assert "Traceback" not in done.err
    name = run("jobs", "list", "-o", "json").json()[0]["name"]
    shown = run("jobs", "show", name, "-o", "json").json()
    assert shown["status"] == "Failed"
    assert "a bad line" in shown["error"]


def test_a_cluster_that_does_not_start_for_want_of_quota_fails_the_job(
    lines: LinesProject, run: Run
) -> None:
    lines.lake.databricks.switches.quota_exceeded = True
    done = run("score")
    assert done.status == 1
    assert "uota" in done.err
    assert "ask for more cores of that family in the subscription's quotas" in done.err


def test_a_job_is_stopped_and_taken_up_again_and_redoes_only_what_is_missing(
    lines: LinesProject, run: Run
) -> None:
    lines.lines(a="one", b="wait")
    name = run("score", "--no-wait").out.strip()
    journal = lines.folder(name) / "journal.jsonl"
    until(lambda: journal.exists() and b"a.txt" in journal.read_bytes())
    assert run("jobs", "cancel", name).status == 0
    assert run("jobs", "stream", name).status == 1
    assert run("jobs", "show", name, "-o", "json").json()["status"] == "Canceled"
    lines.go.touch()
    assert run("jobs", "resume", name).status == 0
    summary = run("jobs", "stream", name, "-o", "json")
    shown = run("jobs", "show", name, "-o", "json").json()
    assert shown["status"] == "Completed", summary.err
    assert len(lines.runs()) == 2
    predictions = lines.folder(name) / "named-outputs" / "score" / "predictions.csv"
    assert predictions.read_text() == "a.txt,one\nb.txt,wait\n"
    attempts = [line for line in journal.read_text().splitlines() if "a.txt" in line]
    assert len(attempts) == 1
    assert [job["name"] for job in run("jobs", "list", "-o", "json").json()] == [name]
    again = run("jobs", "resume", name)
    assert (again.status, "nothing to resume" in again.err) == (3, True)


def test_a_second_machine_sees_the_job_and_fetches_what_it_left(
    lines: LinesProject, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = run("score", "--no-wait").out.strip()
    monkeypatch.setenv("RUNNER_HOME", str(tmp_path / "another"))
    streamed = run("jobs", "stream", name)
    assert streamed.status == 0
    assert f"job {name} is Completed" in streamed.out
    shown = run("jobs", "show", "-o", "json").json()
    assert (shown["name"], shown["endpoint"], shown["deployment"]) == (name, "lines", "main")
    target = tmp_path / "results"
    assert run("jobs", "download", name, "--download", str(target)).status == 0
    score = target / "named-outputs" / "score" / "predictions.csv"
    assert score.read_text() == "a.txt,one\nb.txt,two\n"
    assert (target / "artifacts" / "logs" / "job.txt").exists()
    removed = run("jobs", "remove", name, "--yes")
    assert removed.status == 3
    assert f"databricks fs rm -r dbfs:{lines.lake.volume}/jobs/NAME" in removed.err


def test_the_same_data_is_sent_once(lines: LinesProject, run: Run) -> None:
    assert run("score").status == 0
    sent = sent_files(lines)
    assert any(path.endswith(".whl") for path in sent)
    lines.lake.emulator.requests.clear()
    assert run("score").status == 0
    assert all("/jobs/" in path for path in sent_files(lines))


def test_a_script_below_its_code_folder_has_all_of_the_code(lines: LinesProject, run: Run) -> None:
    project = lines.project
    file = project.root / "models/lines/batch-deployment.yml"
    file.write_text(file.read_text().replace("score.py", "deep/score.py"))
    project.write("models/lines/code/words.txt", "beside")
    project.write(
        "models/lines/code/deep/score.py",
        "from pathlib import Path\n"
        "def init():\n    pass\n"
        "def run(mini_batch):\n"
        "    return [(Path(__file__).parents[1] / 'words.txt').read_text() for _ in mini_batch]\n",
    )
    summary = run("score", "-o", "json").json()
    assert Path(summary["output"]).read_text() == "beside\nbeside\n"


def test_code_that_is_not_on_this_machine_is_refused_before_anything_is_sent(
    lines: LinesProject, run: Run
) -> None:
    file = lines.project.root / "models/lines/batch-deployment.yml"
    file.write_text(file.read_text().replace("./code", "azureml:code:1"))
    lines.lake.emulator.requests.clear()
    done = run("score")
    assert done.status == 3
    assert "the code of deployment 'main' is not on this machine (azureml:code:1)" in done.err
    assert sent_files(lines) == []


def test_data_in_a_volume_is_read_where_it_is(lines: LinesProject, run: Run) -> None:
    place = f"{lines.lake.volume}/raw/c.txt"
    file = lines.lake.local(place)
    file.parent.mkdir()
    file.write_text("three")
    summary = run("score", "--data", f"dbfs:{place}", "-o", "json").json()
    assert Path(summary["output"]).read_text() == "c.txt,three\n"


def test_data_that_is_not_there_is_told_before_a_cluster_starts(
    lines: LinesProject, run: Run
) -> None:
    place = f"{lines.lake.volume}/raw/none"
    done = run("score", "--data", place)
    assert (done.status, done.err.startswith("error: ")) == (3, True)
    assert f"there is nothing at {place}" in done.err
    lines.lake.local(place).mkdir(parents=True)
    lines.lake.local(f"{place}/a.txt").write_text("one")
    assert (
        "is a uri_folder, not a uri_file"
        in run("score", "--data", place, "--input-type", "uri_file").err
    )
    assert lines.runs() == []


def test_data_outside_of_volumes_is_refused_before_a_job_begins(
    lines: LinesProject, run: Run
) -> None:
    place = "abfss://raw@account.dfs.core.windows.net/lines"
    run("data", "register", place, "--name", "remote")
    for data in (place, "azureml:remote:1"):
        done = run("score", "--data", data)
        assert done.status == 3
        assert f"`CREATE EXTERNAL VOLUME NAME LOCATION '{place}'`" in done.err
    assert lines.runs() == []


def test_a_stack_of_another_version_is_told_how_to_get_this_one(
    lines: LinesProject, run: Run
) -> None:
    outputs = {**lines.lake.outputs(), "wheel": lines.lake.wheel.replace("0.1.0", "0.0.9")}
    lines.outputs.write_text(json.dumps(outputs))
    done = run("score")
    assert done.status == 3
    assert "0.0.9" in done.err
    assert "pulumi up --stack lake" in done.err
    assert lines.runs() == []


def test_an_output_of_ones_own_lies_in_the_volume_and_is_never_written_over(
    lines: LinesProject, run: Run
) -> None:
    place = f"{lines.lake.volume}/mine"
    assert run("score", "--output-path", place).status == 0
    assert (lines.lake.local(place) / "predictions.csv").exists()
    again = run("score", "--output-path", place)
    assert (again.status, "exists already" in again.err) == (1, True)
    elsewhere = run("score", "--output-path", "here/mine")
    assert (elsewhere.status, lines.lake.volume in elsewhere.err) == (2, True)


def test_a_model_scores_on_a_cluster_as_it_does_here_with_and_without_a_script(
    lines: LinesProject, run: Run
) -> None:
    add_diabetes(lines.project)
    registered = run("models", "register", "-f", "models/diabetes/model.yml", "-o", "json").json()
    model = f"models:/{lines.lake.schema}.{registered['name']}/{registered['version']}"
    for deployment in ("mlflow", "script"):
        lines.lake.add_batch_deployment("diabetes-batch", deployment, model)
    lines.outputs.write_text(json.dumps(lines.lake.outputs()))
    for deployment in ("mlflow", "script"):
        words = ("score", "diabetes-batch", "--deployment", deployment, "-o", "json")
        summary = run(*words).json()
        here = run(*words, "--env", "local").json()
        assert Path(summary["output"]).read_bytes() == Path(here["output"]).read_bytes()
        assert summary["predictions"] == here["predictions"]
        assert (summary["rows"], summary["mini_batches"]) == (here["rows"], here["mini_batches"])
    shown = run("jobs", "show", "-o", "json").json()
    assert shown["model"] == f"azureml:{registered['name']}:{registered['version']}"


def test_a_job_whose_begin_was_lost_is_begun_by_resume_and_never_twice(
    lines: LinesProject, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RETRIES, "retry_backoff_factor", 0.01)
    faults = lines.lake.emulator.faults
    for drop, begun in ((Drop("before"), 0), (Drop("after"), 1)):
        faults.inject(drop, path="*/jobs/run-now", times=None)
        lost = run("score")
        faults.clear()
        assert (lost.status, len(lines.runs())) == (3, begun)
        name = re.findall(r"runner jobs resume (\S+) --env lake", lost.err)[0]
        shown = run("jobs", "show", name, "-o", "json").json()
        assert shown["status"] != "NotResponding" if begun else "never began" in shown["error"]
        run("jobs", "resume", name)
        assert run("jobs", "stream", name).status == 0
        assert len(lines.runs()) == 1
        lines.lake.do("POST", "/api/2.2/jobs/runs/delete", {"run_id": lines.runs()[0]["run_id"]})


def test_ctrl_c_while_a_job_begins_cancels_it(
    lines: LinesProject, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = DatabricksClient.send

    def interrupted(self: DatabricksClient, method: str, url: str, **more: Any) -> Any:
        answer = send(self, method, url, **more)
        if url.endswith("/jobs/run-now"):
            raise KeyboardInterrupt
        return answer

    lines.lines(a="wait")
    monkeypatch.setattr(DatabricksClient, "send", interrupted)
    stopped = run("score")
    assert stopped.status == 130
    name = re.findall(r"interrupted: job (\S+) was canceled", stopped.err)[0]
    assert run("jobs", "stream", name).status == 1
    assert run("jobs", "show", name, "-o", "json").json()["status"] == "Canceled"
