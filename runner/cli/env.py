"""`runner env`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.cli.options import (
    Group,
    Session,
    common,
    environment_names,
    format_option,
    pass_session,
)
from runner.errors import EnvironmentRefused
from runner.project import find_project

if TYPE_CHECKING:
    from runner.health import Link
    from runner.project import Source


@click.group(
    cls=Group,
    epilog="""\b
Examples:
  runner env list
  runner env doctor""",
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
@format_option("table", "json")
@common
def list_environments(format_: str) -> None:
    """List the environments: local, and those on Azure.

    One for every Pulumi.<env>.yaml, and one for the workspace of a config.json, named as it.
    """
    from runner.cli.printing import print_json, print_table
    from runner.environments import list_environments

    found = [_described(*described) for described in list_environments(find_project()).items()]
    if format_ == "json":
        print_json(found)
    else:
        print_table(["environment", "kind", "file"], [list(row.values()) for row in found])


@env.command(
    epilog="""\b
Examples:
  runner env show
  runner env show local"""
)
@click.argument("environment", metavar="[ENV]", required=False, shell_complete=environment_names)
@format_option("table", "json")
@common
@pass_session
def show(session: Session, environment: str | None, format_: str) -> None:
    """Show where an environment is and what it holds.

    Of one on Azure: its workspace, and the names its endpoints have there.
    """
    from runner.cli.printing import print_details, print_json
    from runner.environments import describe, find_source

    name = environment or session.environment
    project = find_project()
    source = find_source(project, name, session.stack_output)
    details: dict[str, object] = {
        **_described(name, source),
        "root": str(project.root),
        **describe(project, name, source, lambda: session.open_other(name, session.stack_output)),
    }
    if format_ == "json":
        print_json(details)
    else:
        print_details({key.replace("_", " "): _shown(value) for key, value in details.items()})


@env.command(
    epilog="""\b
Examples:
  runner env doctor
  runner env doctor --full
  runner env doctor prod"""
)
@click.argument("environment", metavar="[ENV]", required=False, shell_complete=environment_names)
@click.option(
    "--full",
    is_flag=True,
    help="Read all stored files of models and data again and hold them against their hashes, also"
    " those that look unchanged. Only in local.",
)
@format_option("table", "json")
@common
@pass_session
def doctor(session: Session, environment: str | None, full: bool, format_: str) -> int:
    """Check what an environment needs, and say what to do about what is broken.

    Of one on Azure: Pulumi, its stack, signing in, the workspace, whether its network lets this
    machine in, its storage (on Databricks the catalog, the volume and the clusters), its endpoints
    and their deployments. In local: packages, declarations, and whether what is registered is as
    it was stored. The exit status is 3 where anything is broken.
    """
    from dataclasses import asdict

    from runner.cli.printing import print_json
    from runner.environments import examine

    links = []
    for link in examine(environment or session.environment, session.stack_output, full=full):
        links.append(link)
        if format_ != "json":
            _print_link(link)
    if format_ == "json":
        print_json([asdict(link) for link in links])
    return EnvironmentRefused.exit_status if any(link.state == "failed" for link in links) else 0


@env.command(
    epilog="""\b
Examples:
  runner env adopt prod
  runner env adopt prod --file adopted.json"""
)
@click.argument("environment", metavar="ENV", shell_complete=environment_names)
@click.option(
    "--file",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("import.json"),
    show_default=True,
    help="Where to write the list that `pulumi import` takes.",
)
@format_option("table", "json")
@common
def adopt(environment: str, file: Path, format_: str) -> None:
    """List what runs in a workspace already, for a stack to take over.

    Previews the stack, whose `scoring:existing` names the workspace, and writes a list of what it
    would make and the workspace has: endpoints, deployments, clusters. Nothing is changed: `pulumi
    import` with that list puts them into the stack's state, and then a preview shows what would
    change of each.
    """
    import json
    from dataclasses import asdict

    from runner.cli.printing import print_json, print_table
    from runner.environments import find_adoption

    adoption = find_adoption(environment)
    for warning in adoption.warnings:
        click.echo(f"warning: {warning}", err=True)
    file.write_text(json.dumps(adoption.imports, indent=2) + "\n", encoding="utf-8")
    if format_ == "json":
        print_json([asdict(resource) for resource in adoption.adopted])
    else:
        rows = [
            [resource.type.rpartition(":")[2], resource.name, resource.id.rpartition("/")[2]]
            for resource in adoption.adopted
        ]
        print_table(["type", "name in the stack", "on Azure"], rows)
    stack = f"--stack {environment}"
    click.echo(
        f"wrote {file}; take this over and look, before anything is changed, with\n"
        f"pulumi import --file {file} {stack} --protect=false --generate-code=false\n"
        f"pulumi preview {stack} --diff",
        err=True,
    )


def _described(name: str, source: Source) -> dict[str, str | None]:
    file = source.file.name if source.file else None
    return {"environment": name, "kind": source.platform, "file": file}


def _shown(value: object) -> object:
    if isinstance(value, dict):
        return [f"{key} ({inner})" for key, inner in value.items()]
    return value


def _print_link(link: Link) -> None:
    from runner.cli.printing import nearer, printable, styled

    colour = {"ok": "green", "failed": "red"}.get(link.state)
    state = styled(f"{link.state:7}", sys.stdout, fg=colour)
    print(f"{state}  {link.name}: {printable(nearer(link.text))}", flush=True)
