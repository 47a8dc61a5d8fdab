"""`runner train`."""

from __future__ import annotations

from pathlib import Path

import click

from runner.cli.options import (
    Command,
    Session,
    common,
    declared_jobs,
    env_manager_option,
    existing_path,
    format_option,
    model_folders,
    no_wait_option,
    pairs,
    pass_session,
)


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  runner train diabetes
  runner train diabetes autolog --set strength=0.1
  runner train --file models/diabetes/train.yml --env dev
  runner models register --from-job NAME --name diabetes-mlflow""",
)
@click.argument("model", required=False, shell_complete=model_folders)
@click.argument("job", required=False, shell_complete=declared_jobs)
@click.option(
    "--file",
    "-f",
    metavar="FILE.yml",
    type=existing_path(dir_okay=False),
    help="The declaration of the job, in place of MODEL.",
)
@click.option(
    "--set",
    "inputs",
    metavar="INPUT=VALUE",
    multiple=True,
    callback=pairs,
    help="Change an input of the job. May be repeated.",
)
@env_manager_option
@no_wait_option
@format_option("table", "json")
@common
@pass_session
def train(
    session: Session,
    model: str | None,
    job: str | None,
    file: Path | None,
    inputs: dict[str, str],
    no_wait: bool,
    format_: str,
) -> int:
    """Run a model's training job.

    MODEL is a folder of models/, and JOB one of the jobs that it declares: by its name, else by
    its file's. Where JOB is left out, the folder's train.yml is meant, or its only job. The job
    runs on this machine, or in the workspace of --env, which is sent its code, environment and
    files, each once. Its log goes to stderr. Ctrl-C cancels the job.
    """
    if model is not None and file is not None:
        raise click.UsageError("MODEL and --file exclude each other: name one of them")
    if model is None and file is None:
        raise click.UsageError("name a MODEL, or a job's declaration with --file")
    from runner.cli.watch import run_job
    from runner.workspace import TrainingRequest

    workspace = session.open()
    request = TrainingRequest(model, job, file, inputs)
    return run_job(workspace, lambda: workspace.train(request), format_, no_wait=no_wait, logs=True)
