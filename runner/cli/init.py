"""`runner init`."""

from __future__ import annotations

from pathlib import Path

import click

from runner.cli.options import Command, common


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  runner init churn --model models/churn/model""",
)
@click.argument("name")
@click.option(
    "--model",
    "folder",
    metavar="FOLDER",
    required=True,
    type=click.Path(path_type=Path),
    help="The saved MLflow model: the folder with its MLmodel, somewhere in the project.",
)
@common
def init(name: str, folder: Path) -> None:
    """Declare an MLflow model, with a batch endpoint and a deployment.

    Writes models/NAME/model.yml, batch-endpoint.yml and batch-deployment.yml, with comments, as
    `az ml` takes them. Nothing that is there is changed.
    """
    from runner.cli.printing import nearer, print_note
    from runner.new_model import declare_model
    from runner.project import find_project

    for file in declare_model(find_project(), name, folder):
        print(nearer(str(file)))
    print_note(f"`runner score {name}-batch --data FOLDER` scores the files of a folder with it")
