"""`runner models`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from runner.cli.assets import (
    add_asset_commands,
    print_registered,
    registration,
    registration_options,
)
from runner.cli.options import Group, Session, common, job_names, output_option, pass_session


@click.group(
    cls=Group,
    epilog="""\b
Examples:
  runner models list
  runner models register -f models/diabetes/model.yml""",
)
@common
def models() -> None:
    """Register models, look at them, fetch them."""


@models.command(
    epilog="""\b
Examples:
  runner models register -f models/diabetes/model.yml
  runner models register --name diabetes-mlflow --path models/diabetes/model
  runner models register --name diabetes-mlflow --from-job NAME"""
)
@registration_options("model", ["mlflow_model", "custom_model", "triton_model"])
@click.option(
    "--from-job",
    "job",
    metavar="JOB",
    shell_complete=job_names,
    help="Register what this job wrote.",
)
@click.option(
    "--output-name",
    metavar="OUTPUT",
    default="model",
    show_default=True,
    help="Which output of the job.",
)
@output_option
@common
@pass_session
def register(
    session: Session,
    /,
    job: str | None,
    output_name: str,
    output: str,
    source: Path | None,
    file: Path | None,
    path: Path | None,
    **options: Any,
) -> None:
    """Register a model.

    It comes from its declaration, from a path, or from the job that made it. The same content
    registered again keeps its version.
    """
    workspace = session.open()
    wanted = registration(
        "model",
        source,
        file,
        path=path,
        job=job,
        written=(lambda: workspace.job_output(job, output_name)) if job else None,
        **options,
    )
    print_registered(workspace.register("model", wanted), output)


add_asset_commands(models, "model")
