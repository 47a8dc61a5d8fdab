"""The MLflow runs of training jobs, shown and put side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from runner.cli.printing import aligned, first_lines, print_note, print_table
from runner.counting import many
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.nearest import nearest

if TYPE_CHECKING:
    from runner.cli.options import Goal
    from runner.workspace import Job, Metric, Run, Workspace


class Tracked(NamedTuple):
    """A job with the run that it tracked."""

    job: Job
    run: Run


def find_run(workspace: Workspace, job: Job) -> Run | None:
    """Return what a job has tracked; None for a batch job, and one that tracks nothing."""
    return None if job.type == "batch" else workspace.run(job.name)


def told_run(workspace: Workspace, job: Job) -> Run | None:
    """Return what a job has tracked; None, with a note that says why, where it can't be had.

    Azure's tracking is another service than its jobs, with roles and a network of its own.
    """
    try:
        return find_run(workspace, job)
    except EnvironmentRefused as error:
        print_note(f"what job {job.name} tracked can't be shown: {error}")
        return None


def run_details(run: Run) -> dict[str, object]:
    """Return what a run tracked, for people."""
    details: dict[str, object] = {
        "experiment": run.experiment,
        "run": run.id if run.name == run.id else f"{run.name} ({run.id})",
        "commit": run.commit,
        "inputs": aligned(run.inputs),
        "parameters": aligned(run.parameters),
        "metrics": aligned({name: _metric(run.metrics[name]) for name in run.metrics}),
        "tags": aligned(run.tags),
        "models": [
            f"{model.name} ({', '.join(model.flavors)})" if model.flavors else model.name
            for model in run.models
        ],
        "artifacts": first_lines(run.artifacts),
        "child runs": first_lines(run.children),
    }
    return {name: value for name, value in details.items() if value}


def find_tracked(workspace: Workspace, jobs: Sequence[Job]) -> list[Tracked]:
    """Return training jobs with their runs. Raises WrongUsage for one that tracks nothing."""
    found = []
    for job in jobs:
        run = find_run(workspace, job)
        if run is None:
            raise WrongUsage(f"job {job.name!r} tracked nothing to compare: {_why_nothing(job)}")
        found.append(Tracked(job, run))
    return found


def _why_nothing(job: Job) -> str:
    if not job.status.final:
        return f"it is {job.status}; `runner jobs stream {job.name}` waits for its end"
    return "it is a job without an MLflow run"


def best_first(tracked: Sequence[Tracked], metric: str, goal: Goal) -> list[Tracked]:
    """Return jobs by a metric's last value; those without a number for it come last.

    Raises NotFound for a metric that none of them has.
    """
    known = [name for _, run in tracked for name in run.metrics]
    if metric not in known:
        raise NotFound(f"no metric {metric!r} in any of these jobs{nearest(metric, known)}")

    def rank(entry: Tracked) -> tuple[bool, float]:
        found = entry.run.metrics.get(metric)
        if found is None or math.isnan(found.value):
            return True, 0.0
        return False, found.value if goal == "minimize" else -found.value

    return sorted(tracked, key=rank)


def print_comparison(tracked: Sequence[Tracked]) -> None:
    """Print a column for each job: how it ended, the parameters that differ, every metric."""
    runs = [entry.run for entry in tracked]
    parameters = _names(run.parameters for run in runs)
    differing = [name for name in parameters if len({run.parameters.get(name) for run in runs}) > 1]
    rows: list[list[object]] = [
        ["status", *(entry.job.status for entry in tracked)],
        ["experiment", *(run.experiment for run in runs)],
    ]
    rows += [_row(name, runs, lambda run, name: run.parameters.get(name)) for name in differing]
    rows += [_row(name, runs, _last) for name in _names(run.metrics for run in runs)]
    rows.append(["models", *(", ".join(model.name for model in run.models) for run in runs)])
    print_table(["", *(entry.job.name for entry in tracked)], rows, names=True)
    equal = len(parameters) - len(differing)
    if equal:
        print_note(f"{many(equal, 'parameter')} of the same value in all of them not shown")


def _row(
    name: str, runs: Sequence[Run], value: Callable[[Run, str], object | None]
) -> list[object]:
    return [name, *(value(run, name) for run in runs)]


def _last(run: Run, name: str) -> str | None:
    metric = run.metrics.get(name)
    return None if metric is None else _number(metric.value)


def _names(mappings: Iterable[Mapping[str, object]]) -> list[str]:
    """Return every key of some mappings once, in their order."""
    return list(dict.fromkeys(name for mapping in mappings for name in mapping))


def _metric(metric: Metric) -> str:
    text = _number(metric.value)
    if metric.count <= 1:
        return text
    return f"{text}  (the last of {metric.count:,} values)"


def _number(value: float) -> str:
    return f"{value:.6g}"
