"""Which of the models is meant that a job logged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import NotFound, WrongUsage
from runner.job_address import JobOutput, artifact_of

if TYPE_CHECKING:
    from runner.workspace import Job, Run


def only_model(job: Job, run: Run | None) -> JobOutput:
    """Where the only model lies that a job without an output `model` logged.

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
