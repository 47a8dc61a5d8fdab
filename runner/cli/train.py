"""`runner train`."""

from __future__ import annotations

import click

from runner.cli.options import (
    Command,
    Session,
    common,
    model_folders,
    no_wait_option,
    output_option,
    pairs,
    pass_session,
)


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  runner train diabetes
  runner train diabetes --set training_data=data/diabetes/labeled.csv
  runner train diabetes --env dev
  runner models register --from-job NAME --name diabetes-mlflow""",
)
@click.argument("model", shell_complete=model_folders)
@click.option(
    "--set",
    "inputs",
    metavar="INPUT=VALUE",
    multiple=True,
    callback=pairs,
    help="Change an input of the training job. May be repeated.",
)
@no_wait_option
@output_option
@common
@pass_session
def train(session: Session, model: str, inputs: dict[str, str], no_wait: bool, output: str) -> int:
    """Run a model's training job.

    MODEL is a folder of models/; its train.yml declares the job. It runs on this machine, or in
    the workspace of --env, which is sent its code, environment and files, each once. The job's
    log goes to stderr. Ctrl-C cancels the job.
    """
    from runner.cli.following import follow_to_end, print_started

    workspace = session.open()
    if no_wait:
        print_started(workspace.train(model, inputs), output)
        return 0
    return follow_to_end(workspace, lambda: workspace.train(model, inputs), output, logs=True)
