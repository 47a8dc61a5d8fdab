"""`runner score`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.assets.kinds import INPUT_TYPES
from runner.cli.options import (
    Command,
    Session,
    common,
    deployment_names,
    download_option,
    endpoint_names,
    env_manager_option,
    format_option,
    no_wait_option,
    pairs,
    pass_session,
    schedule_names,
)
from runner.cli.sizes import in_bytes

if TYPE_CHECKING:
    from runner.workspace import Invocation

_QUOTE = "quote a pattern of files, as in --data 'folder/*.csv'"


class _Score(Command):
    """Says how a pattern is quoted, where the shell has made several words of one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, list(args))
        except click.UsageError as error:
            if "extra argument" in error.message and any(Path(word).is_file() for word in args):
                raise click.UsageError(f"{error.message.rstrip('.')}: {_QUOTE}", ctx) from None
            raise


@click.command(
    cls=_Score,
    epilog="""\b
Examples:
  runner score
  runner score diabetes-batch --data data/diabetes/unlabeled
  runner score diabetes-batch -d script --data azureml:patients-unlabeled@latest
  runner score --data "data/diabetes/unlabeled/*.csv"
  runner score --mini-batch-size 1 --set retry_settings.max_retries=5
  runner score --download-path results
  runner score --env dev --output-path azureml://datastores/workspaceblobstore/paths/march
  runner score --env dev --inputs input_data=data/heart --inputs score_mode=append
  runner score --scheduled nightly
  runner score -o json | jq .predictions""",
)
@click.argument("endpoint", required=False, shell_complete=endpoint_names("batch"))
@click.option(
    "--deployment",
    "-d",
    metavar="NAME",
    shell_complete=deployment_names("batch"),
    help="The deployment to use.  [default: the endpoint's default]",
)
@click.option(
    "--data",
    "--input",
    metavar="PATH|REF",
    help="A file, a folder, a quoted pattern of files such as 'folder/*.csv', azureml:NAME:VERSION,"
    " azureml:NAME@latest, a data asset's id, a"
    " datastore URI or an https URL.  [default: the input the project declares for the endpoint]",
)
@click.option(
    "--inputs",
    metavar="NAME=VALUE",
    multiple=True,
    callback=pairs,
    help="An input of a deployment that runs a pipeline: data as --data takes it, or a text or a"
    " number, as the pipeline declares it. May be repeated.",
)
@click.option(
    "--input-type",
    type=click.Choice(INPUT_TYPES),
    help="Whether the data is one file or a folder.  [default: as found]",
)
@click.option(
    "--mini-batch-size",
    "-m",
    type=click.IntRange(min=1),
    metavar="FILES",
    help="Files given to one call of the model.  [default: as declared]",
)
@click.option(
    "--instance-count",
    "-c",
    type=click.IntRange(min=1),
    metavar="COUNT",
    help="Instances to run on.  [default: as declared]",
)
@click.option(
    "--slice-above",
    callback=in_bytes,
    metavar="SIZE",
    help="Deal out a larger file in slices, each a call of the model, over all processes; 0 never"
    " does. On Azure a model gets every file whole.  [default: 32MB]",
)
@click.option(
    "--engine",
    type=click.Choice(("process", "spark")),
    help="What runs the job: processes of this machine, or a Spark session, which needs Java and"
    " reaches the cluster that RUNNER_SPARK_MASTER names.  [default: as declared, else Spark for a"
    " Spark ML model and processes for any other]",
)
@click.option(
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    callback=pairs,
    help="Change a setting of the deployment for this job, by its key in the YAML:"
    " mini_batch_size, max_concurrency_per_instance, retry_settings.max_retries,"
    " retry_settings.timeout, error_threshold, output_action, output_file_name,"
    " instance_count. May be repeated. On Azure a call changes neither"
    " max_concurrency_per_instance nor output_action.",
)
@click.option(
    "--scheduled",
    metavar="NAME",
    shell_complete=schedule_names,
    help="Make the call of a schedule now: what Pulumi.<env>.yaml says under"
    " scoring:endpoints.<endpoint>.schedules.NAME. Nothing else may be said of the call.",
)
@click.option(
    "--output-path",
    metavar="DIR|URI",
    type=click.Path(),
    help="Where the results go; must not exist. On Azure azureml://datastores/NAME/paths/PATH."
    "  [default: the job's own folder]",
)
@env_manager_option
@download_option
@no_wait_option
@format_option("table", "json")
@common
@pass_session
def score(
    session: Session,
    /,
    scheduled: str | None,
    download: Path | None,
    no_wait: bool,
    format_: str,
    **call: Any,
) -> int:
    """Score data with a batch endpoint and get the results.

    Invokes ENDPOINT (by default the project's only or default batch endpoint), follows the job
    and says what it did and where predictions.csv and the report lie. Ctrl-C cancels the job.
    """
    if no_wait and download:
        raise click.UsageError("--no-wait and --download-path exclude each other")
    written = Path(call["output_path"] or "").absolute()
    if download and call["output_path"] and written.is_relative_to(download.absolute()):
        raise click.UsageError("--output-path lies in --download-path; name two places")
    if call["endpoint"] and call["data"] and Path(call["endpoint"]).is_file():
        raise click.UsageError(f"ENDPOINT {call['endpoint']} is a file: {_QUOTE}")
    from runner.cli.watch import run_job
    from runner.workspace import Invocation

    invocation = Invocation(**call)
    if scheduled is not None:
        invocation = _of_schedule(session, scheduled, invocation)
    workspace = session.open()
    return run_job(
        workspace,
        lambda: workspace.invoke(invocation),
        format_,
        no_wait=no_wait,
        logs=session.verbose,
        download=download,
    )


def _of_schedule(session: Session, name: str, given: Invocation) -> Invocation:
    """Return the call of a schedule. Raises UsageError where the line says more of the call."""
    from dataclasses import fields

    from runner.invocation.scheduled import scheduled_call
    from runner.project import find_project, read_environment_catalog

    more = [
        f"--{'set' if field.name == 'settings' else field.name.replace('_', '-')}"
        for field in fields(given)
        if field.name != "endpoint" and getattr(given, field.name) not in (None, {})
    ]
    if more:
        raise click.UsageError(
            f"--scheduled says all of the call: leave out {', '.join(more)}, or leave out"
            " --scheduled and say what is to be scored"
        )
    catalog = read_environment_catalog(find_project(), session.environment)
    return scheduled_call(catalog, session.environment, given.endpoint, name)
