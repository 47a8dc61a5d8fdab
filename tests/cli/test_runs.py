"""What training jobs tracked: shown, listed by type and put side by side."""

from __future__ import annotations

import json
import math
import sys

import pytest

from runner.cli import printing
from runner.workspace import (
    Invocation,
    Job,
    JobStatus,
    LoggedModel,
    Metric,
    Point,
    Run,
    TrainingRequest,
)

from .conftest import Run as RunCommand
from .memory import MemoryWorkspace

CURVE = (Point(0, 0.9, 1000), Point(1, 0.5, 2000))


def tracked(workspace: MemoryWorkspace, **metrics: float) -> str:
    """Return a training job that ended, whose run has these metrics; its name."""
    job = workspace.train(TrainingRequest("diabetes"))
    list(workspace.follow(job.name))
    number = len(workspace.runs)
    workspace.runs[job.name] = Run(
        id=f"{number}a",
        name=f"try-{number}",
        experiment="diabetes",
        status="FINISHED",
        parameters={"C": str(number), "solver": "lbfgs"},
        metrics={name: Metric(value, 1) for name, value in metrics.items()},
    )
    return job.name


def columns(out: str) -> list[str]:
    """Return the jobs that a comparison has columns of, from left to right."""
    return out.splitlines()[0].split()


def test_show_has_what_the_run_of_a_job_tracked(
    run: RunCommand, workspace: MemoryWorkspace
) -> None:
    name = tracked(workspace, accuracy=0.78)
    workspace.runs[name] = Run(
        id="0a1b",
        name="brave-lamb",
        experiment="diabetes",
        status="FINISHED",
        parameters={"C": "1.0"},
        metrics={"accuracy": Metric(0.78125, 1), "loss": Metric(0.5, 2, CURVE)},
        inputs={"training_data": "azureml:patients:3"},
        models=(LoggedModel("model", "m-1", ("sklearn", "python_function")),),
        artifacts=("figures/roc.png",),
        commit="0a1b2c",
        children=("c1", "c2"),
    )
    out = run("jobs", "show", name).out
    assert "experiment  diabetes\nrun         brave-lamb (0a1b)\ncommit      0a1b2c\n" in out
    assert "inputs      training_data  azureml:patients:3\n" in out
    assert "parameters  C  1.0\n" in out
    assert (
        "metrics     accuracy  0.78125\n            loss      0.5  (the last of 2 values)\n" in out
    )
    assert "models      model (sklearn, python_function)\nartifacts   figures/roc.png\n" in out
    assert "child runs  c1\n            c2\n" in out


def test_json_has_the_whole_run_and_a_metric_that_is_not_a_number_as_text(
    run: RunCommand, workspace: MemoryWorkspace
) -> None:
    name = tracked(workspace, loss=math.nan, best=math.inf)
    shown = json.loads(run("jobs", "show", name, "-o", "json").out, parse_constant=pytest.fail)
    assert shown["run"]["metrics"]["loss"] == {"value": "NaN", "count": 1, "curve": []}
    assert shown["run"]["metrics"]["best"]["value"] == "Infinity"
    assert "loss        nan" not in run("jobs", "show", name).out
    assert "loss  nan" in run("jobs", "show", name).out


def test_long_lists_are_cut_and_say_how_many_more_there_are(
    run: RunCommand, workspace: MemoryWorkspace
) -> None:
    name = tracked(workspace, **{f"metric_{number:02}": float(number) for number in range(30)})
    out = run("jobs", "show", name).out
    assert "metric_19" in out
    assert "metric_20" not in out
    assert "… 10 more, which -o json has" in out


def test_a_list_has_the_jobs_of_one_type(run: RunCommand, workspace: MemoryWorkspace) -> None:
    trained = tracked(workspace)
    scored = workspace.invoke(Invocation()).name
    for type_, name in (("command", trained), ("batch", scored)):
        listed = json.loads(run("jobs", "list", "--type", type_, "-o", "json").out)
        assert [job["name"] for job in listed] == [name]
    assert (
        run("jobs", "list", "--type", "sweep").err
        == "no sweep jobs yet; `runner train MODEL` starts one\n"
    )


def test_a_comparison_has_a_column_for_each_job_and_the_parameters_that_differ(
    run: RunCommand, workspace: MemoryWorkspace
) -> None:
    first, second = tracked(workspace, accuracy=0.7), tracked(workspace, accuracy=0.8, auc=0.9)
    result = run("jobs", "compare", first, second)
    rows = {line.split()[0]: line.split()[1:] for line in result.out.splitlines()[1:]}
    assert columns(result.out) == [first, second]
    assert rows["C"] == ["0", "1"]
    assert rows["accuracy"] == ["0.7", "0.8"]
    assert rows["auc"] == ["0.9"]
    assert "solver" not in rows
    assert result.err == "1 parameter of the same value in all of them not shown\n"


def test_a_narrow_comparison_keeps_the_ends_in_which_the_names_of_jobs_differ(
    run: RunCommand, workspace: MemoryWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for end in ("n8th6f", "cjbxax"):
        name = f"diabetes-written-signature-{end}"
        workspace.add(Job(name, "command", JobStatus.COMPLETED, "2025-03-01T14:05:09.000+00:00"))
        workspace.runs[name] = Run(id=end, name=name, experiment="diabetes", status="FINISHED")
    monkeypatch.setattr(printing, "is_terminal", lambda stream: stream is sys.stdout)
    monkeypatch.setattr(printing, "columns", lambda _: 50)
    monkeypatch.setenv("NO_COLOR", "1")
    out = run("jobs", "compare", *workspace.runs).out
    assert [name[:2] + name[-6:] for name in columns(out)] == ["..n8th6f", "..cjbxax"]


def test_the_best_by_a_metric_comes_first_and_what_has_no_number_last(
    run: RunCommand, workspace: MemoryWorkspace
) -> None:
    low, nan, high, none = (
        tracked(workspace, loss=0.1),
        tracked(workspace, loss=math.nan),
        tracked(workspace, loss=0.9),
        tracked(workspace),
    )
    out = run("jobs", "compare", low, nan, high, none, "--by", "loss").out
    assert columns(out) == [high, low, nan, none]
    words = ("jobs", "compare", nan, none, high, low, "--by", "loss", "--goal", "minimize")
    assert columns(run(*words).out) == [low, high, nan, none]
    compared = json.loads(run(*words, "-o", "json").out)
    assert [job["name"] for job in compared] == [low, high, nan, none]
    assert compared[0]["run"]["metrics"]["loss"]["value"] == 0.1


def test_a_metric_that_no_job_has_names_the_nearest(
    run: RunCommand, workspace: MemoryWorkspace
) -> None:
    names = [tracked(workspace, accuracy=0.7) for _ in range(2)]
    result = run("jobs", "compare", *names, "--by", "acuracy")
    assert result.status == 3
    assert "no metric 'acuracy' in any of these jobs; did you mean 'accuracy'" in result.err


def test_a_job_that_scored_and_one_that_trained_can_not_be_compared(
    run: RunCommand, workspace: MemoryWorkspace
) -> None:
    trained, scored = tracked(workspace), workspace.invoke(Invocation()).name
    result = run("jobs", "compare", trained, scored)
    assert (result.status, result.out) == (2, "")
    assert f"job '{scored}' scored and job '{trained}' trained" in result.err


def test_a_job_that_tracked_nothing_can_not_be_compared(
    run: RunCommand, workspace: MemoryWorkspace
) -> None:
    trained = tracked(workspace)
    begun = workspace.train(TrainingRequest("diabetes")).name
    waiting = f"it is Running; `runner jobs stream {begun}` waits for its end"
    assert waiting in run("jobs", "compare", trained, begun).err


def test_a_comparison_needs_two_jobs(run: RunCommand, workspace: MemoryWorkspace) -> None:
    name = tracked(workspace)
    twice = run("jobs", "compare", name, name)
    assert twice.status == 2
    assert f"job {name!r} is named twice: name another one to compare with" in twice.err
    alone = run("jobs", "compare", name)
    assert alone.status == 2
    assert "name two jobs or more; `runner jobs list` has them" in alone.err
