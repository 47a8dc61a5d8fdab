"""`runner env`."""

from __future__ import annotations

import click

from runner.cli.options import (
    Group,
    Session,
    common,
    environment_names,
    output_option,
    pass_session,
)
from runner.project import LOCAL, Project, environments, find_project, stack_file


@click.group(
    cls=Group,
    epilog="""\b
Examples:
  runner env list
  runner env show""",
)
@common
def env() -> None:
    """Look at the project's environments."""


@env.command(
    "list",
    epilog="""\b
Examples:
  runner env list
  runner env list -o json""",
)
@output_option
@common
def list_environments(output: str) -> None:
    """List the environments: local, and one for every Pulumi.<env>.yaml."""
    from runner.cli.output import print_json, print_table

    project = find_project()
    found = [_described(project, name) for name in environments(project)]
    if output == "json":
        print_json(found)
    else:
        print_table(["environment", "kind", "file"], [list(one.values()) for one in found])


@env.command(
    epilog="""\b
Examples:
  runner env show
  runner env show local"""
)
@click.argument("environment", metavar="[ENV]", required=False, shell_complete=environment_names)
@output_option
@common
@pass_session
def show(session: Session, environment: str | None, output: str) -> None:
    """Show an environment: where it is and, for local, what it holds."""
    from runner.cli.output import print_details, print_json
    from runner.environments import check_environment

    name = environment or session.environment
    check_environment(name)
    project = find_project()
    details: dict[str, object] = {**_described(project, name), "root": str(project.root)}
    if name == LOCAL:
        session.chosen = name
        details |= {"home": str(project.home), **_contents(session)}
    if output == "json":
        print_json(details)
    else:
        print_details(
            {key.replace("_", " "): value for key, value in details.items() if value is not None}
        )


def _described(project: Project, name: str) -> dict[str, str | None]:
    file = stack_file(project, name)
    kind = "local" if name == LOCAL else "azureml"
    return {"environment": name, "kind": kind, "file": file.name if file else None}


def _contents(session: Session) -> dict[str, object]:
    workspace = session.open()
    return {
        "default_endpoint": workspace.default_endpoint(),
        "endpoints": len(workspace.endpoints()),
        "models": len(workspace.assets("model")),
        "data": len(workspace.assets("data")),
        "jobs": len(workspace.jobs()),
    }
