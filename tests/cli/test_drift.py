from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pyarrow as pa
import pytest

from runner.profile.profile import Profile, without_rare
from runner.profile.sketch import Profiler
from runner.workspace import Invocation, JobStatus

from .conftest import Run
from .memory import MemoryWorkspace

ODD = "<script>|`*x*`\n[a](b)"


def profile(outputs: dict[str, Any], inputs: dict[str, Any]) -> Profile:
    profiler = Profiler()
    rows = len(next(iter(outputs.values())))
    profiler.add(
        {name: pa.array(values) for name, values in inputs.items()},
        rows,
        {name: pa.array(values) for name, values in outputs.items()},
        rows,
    )
    found = profiler.finish()
    assert found is not None
    return without_rare(found, b"key")


def scored(
    workspace: MemoryWorkspace, ones: int, shift: float = 0, more: dict[str, Any] | None = None
) -> str:
    """Return a completed job of 200 rows, of which so many were predicted to be 1."""
    job = workspace.invoke(Invocation())
    for _ in workspace.follow(job.name):
        pass
    predicted = [1] * ones + [0] * (200 - ones)
    ages = [20 + row % 50 + shift for row in range(200)]
    workspace.profiles[job.name] = profile({"prediction": predicted}, {"age": ages, **(more or {})})
    return job.name


def test_two_batch_jobs_have_a_row_for_each_column_and_a_verdict(
    run: Run, workspace: MemoryWorkspace
) -> None:
    names = scored(workspace, 50), scored(workspace, 50, shift=10)
    result = run("jobs", "compare", *names)
    assert result.status == 0
    lines = [line.split() for line in result.out.splitlines()]
    assert " ".join(lines[0]) == "column drift distance threshold by chance PSI p nulls"
    predicted, age = lines[1:]
    assert predicted[:5] == ["prediction", "(predicted)", "no", "JS", "0.00000"]
    assert age[:5] == ["age", "yes", "W", "0.69122", "0.1"]
    assert age[-3:] == ["0.0%", "→", "0.0%"]
    assert result.err == (
        "drift in 1 of 2 columns compared, age: 200 rows in job-1, 200 rows in job-2\n"
    )


def test_jobs_that_are_alike_have_no_drift(run: Run, workspace: MemoryWorkspace) -> None:
    names = scored(workspace, 50), scored(workspace, 52)
    assert run("jobs", "compare", *names).err.startswith("no drift in any of 2 columns compared")


def test_as_json_every_metric_has_its_threshold_and_chance(
    run: Run, workspace: MemoryWorkspace
) -> None:
    names = scored(workspace, 50), scored(workspace, 120)
    told = json.loads(run("jobs", "compare", *names, "-o", "json").out)
    assert told["drifted"] == ["prediction"]
    assert (told["baseline"], told["other_rows"]) == ("job-1", 200)
    predicted = told["columns"][0]
    assert (predicted["name"], predicted["kind"], predicted["drifted"]) == (
        "prediction",
        "category",
        True,
    )
    distance = predicted["measures"][0]
    assert distance["metric"] == "JensenShannonDistance"
    assert distance["value"] > distance["threshold"] == 0.1
    assert 0 < distance["chance"] < 0.1
    assert [measure["metric"] for measure in told["columns"][1]["measures"]] == [
        "NormalizedWassersteinDistance",
        "JensenShannonDistance",
        "PopulationStabilityIndex",
        "TwoSampleKolmogorovSmirnovTest",
    ]


def test_markdown_begins_with_the_verdict_and_holds_no_markup_of_a_columns_name(
    run: Run, workspace: MemoryWorkspace
) -> None:
    texts, numbers = {ODD: ["a"] * 200}, {ODD: [1.5] * 200}
    names = scored(workspace, 50, more=texts), scored(workspace, 50, more=numbers)
    out = run("jobs", "compare", *names, "-o", "markdown").out
    lines = out.splitlines()
    assert lines[0].startswith("**no drift in any of 2 columns compared")
    assert lines[2] == "| column | drift | distance | threshold | by chance | PSI | p | nulls |"
    assert "<script>" not in out
    row = next(line for line in lines if "script" in line)
    assert row.startswith(r"| &lt;script&gt;\|\`\*x\*\`\\n\[a\](b) | - | not compared |")
    assert r"text in job-1, a number in job-2" in lines[-1]


def test_without_a_profile_of_the_inputs_that_is_said(run: Run, workspace: MemoryWorkspace) -> None:
    names = scored(workspace, 50), scored(workspace, 50)
    for name in names:
        workspace.profiles[name] = profile({"prediction": [0, 1]}, {})
    assert "the inputs are not compared" in run("jobs", "compare", *names).err


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (JobStatus.RUNNING, "it is Running; `runner jobs stream job-2` waits for its end"),
        (JobStatus.FAILED, "it is Failed, and what it scored is a part of its input"),
        (JobStatus.CANCELED, "`runner jobs resume job-2` takes it up again"),
    ],
)
def test_a_job_that_did_not_complete_can_not_be_compared(
    run: Run, workspace: MemoryWorkspace, status: JobStatus, why: str
) -> None:
    first = scored(workspace, 50)
    workspace.ending, workspace.endless = status, status is JobStatus.RUNNING
    second = workspace.invoke(Invocation()).name
    if status is not JobStatus.RUNNING:
        for _ in workspace.follow(second):
            pass
    result = run("jobs", "compare", first, second)
    assert (result.status, result.out) == (2, "")
    assert why in result.err


def test_batch_jobs_are_compared_two_at_a_time_and_by_no_metric(
    run: Run, workspace: MemoryWorkspace
) -> None:
    names = [scored(workspace, 50) for _ in range(3)]
    assert "batch jobs are compared two at a time" in run("jobs", "compare", *names).err
    by = run("jobs", "compare", *names[:2], "--by", "accuracy")
    assert by.status == 2
    assert "--by is for jobs that trained" in by.err


def test_a_job_without_a_profile_is_refused_by_name(run: Run, workspace: MemoryWorkspace) -> None:
    names = scored(workspace, 50), scored(workspace, 50)
    del workspace.profiles[names[1]]
    result = run("jobs", "compare", *names)
    assert (result.status, result.out) == (3, "")
    assert "job 'job-2' left no profile" in result.err


def test_comparing_imports_neither_arrow_nor_pandas_nor_numpy() -> None:
    program = (
        "import sys, runner.cli.drift, runner.jobs.profile; "
        "print([name for name in ('numpy', 'pandas', 'pyarrow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")
