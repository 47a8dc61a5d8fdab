"""Finds the model that a job logged, and what is kept of the run with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import NotFound, WrongUsage
from runner.jobs.addresses import JobOutput, artifact_of
from runner.workspace import Origin

if TYPE_CHECKING:
    from runner.workspace import Job, Run

MOST_METRICS = 100  # of a run with very many, the first


def only_model(job: Job, run: Run | None) -> JobOutput:
    """Return the address of the only model that a job without an output `model` logged.

    Raises NotFound where it logged none, and WrongUsage with the names where it logged several.
    """
    models = run.models if run else ()
    if not models:
        raise NotFound(
            f"job {job.name!r}, which is {job.status}, has no output 'model' and logged none: log"
            " one with `mlflow.<flavor>.log_model(model, name='model')`, or name what it wrote with"
            " --output-name or --artifact"
        )
    if len(models) > 1:
        names = ", ".join(model.name for model in models)
        raise WrongUsage(
            f"job {job.name!r} logged several models: name one of {names} with --artifact"
        )
    return artifact_of(job.name, models[0].name)


def origin_of(run: Run) -> Origin:
    """Return the facts of a job's run that are kept with a model that it made."""
    metrics = {name: metric.value for name, metric in run.metrics.items()}
    return Origin(run.id, run.commit, run.inputs, metrics)
