"""`runner venvs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from runner.cli.options import Group, Session, common, completes, format_option, pass_session

if TYPE_CHECKING:
    from pathlib import Path

    from runner.venvs.cache import Entry


def _home(session: Session) -> Path:
    """Return the folder of the local workspace. Raises WrongUsage for other environments."""
    from runner.errors import WrongUsage
    from runner.project import find_project

    if not session.abilities().makes_venvs:
        raise WrongUsage(
            f"venvs are made on this machine, not in environment {session.environment}; use"
            " --env local"
        )
    return find_project().home


@completes
def _names(_ctx: click.Context) -> list[str]:
    from runner.project import find_project
    from runner.venvs.cache import entries

    return [entry.venv.name for entry in entries(find_project().home)]


@click.group(
    cls=Group,
    epilog="""\b
Examples:
  runner venvs list
  runner venvs show NAME
  runner venvs remove --unused""",
)
@common
def venvs() -> None:
    """Look at the venvs of declared environments, remove them.

    A venv is what was made on this machine of the Python and the packages that a deployment, a
    model or a job declares, for all that declare the same. It is made again where it is missing.
    """


@venvs.command(
    "list",
    epilog="""\b
Examples:
  runner venvs list
  runner venvs list -o json""",
)
@format_option("table", "json")
@common
@pass_session
def list_venvs(session: Session, format_: str) -> None:
    """List the venvs, the last used first."""
    from runner.cli.printing import moment, near, print_json, print_table
    from runner.counting import size
    from runner.venvs.cache import entries

    found = entries(_home(session))
    if format_ == "json":
        print_json([_as_json(entry) for entry in found])
        return
    titles = ["venv", "python", "packages", "size", "last used (UTC)", "used by", "source"]
    print_table(
        titles,
        [
            [
                entry.venv.name,
                entry.venv.python,
                len(entry.venv.resolved),
                size(entry.venv.size),
                moment(_last_used(entry) or ""),
                ", ".join(use.owner for use in entry.uses),
                near(entry.venv.source),
            ]
            for entry in found
        ],
    )


@venvs.command(
    epilog="""\b
Examples:
  runner venvs show NAME
  runner venvs show NAME -o json"""
)
@click.argument("name", shell_complete=_names)
@format_option("table", "json")
@common
@pass_session
def show(session: Session, name: str, format_: str) -> None:
    """Show what a venv was made of, and who used it.

    NAME may be cut short. Declared packages that only Azure's own images need are left out, and
    those that the runner's own code needs are added.
    """
    from runner.cli.printing import near, print_details, print_json
    from runner.counting import size
    from runner.venvs.cache import entry as find_entry

    entry = find_entry(_home(session), name)
    if format_ == "json":
        print_json(_as_json(entry))
        return
    venv = entry.venv
    details: dict[str, object] = {
        "venv": venv.name,
        "source": near(venv.source),
        "python": f"{venv.python}, {_declared_python(entry)}",
        "made": f"{_in_utc(venv.made)} by {venv.manager}, in {venv.seconds:,.1f} s",
        "size": size(venv.size),
        "folder": near(str(entry.folder)),
        "used by": [f"{use.owner}, {_in_utc(use.at)}" for use in entry.uses],
        "declared": list(venv.declared),
        "options": list(venv.options),
        "left out": list(venv.left_out),
        "added": list(venv.added),
        "packages": list(venv.resolved),
    }
    print_details(details)


@venvs.command(
    epilog="""\b
Examples:
  runner venvs remove NAME
  runner venvs remove --unused"""
)
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=_names)
@click.option("--all", "every", is_flag=True, help="All of them.")
@click.option("--unused", is_flag=True, help="Those that nobody uses at the moment.")
@format_option("table", "json")
@common
@pass_session
def remove(
    session: Session, names: tuple[str, ...], every: bool, unused: bool, format_: str
) -> None:
    """Remove venvs. One that is needed again is made again.

    Those that were not made to their end are removed as well. One that a job or a server uses
    stays, and an error names who uses it.
    """
    if [bool(names), every, unused].count(True) != 1:
        raise click.UsageError("give NAMEs, or --all, or --unused")
    from runner.cli.removal import print_removed
    from runner.errors import EnvironmentRefused
    from runner.venvs.cache import names_of, remove_entry, whole_name

    home = _home(session)
    chosen = [whole_name(home, name) for name in names] if names else names_of(home)
    removed: list[str] = []
    freed = 0
    refused: EnvironmentRefused | None = None
    for name in dict.fromkeys(chosen):
        try:
            freed += remove_entry(home, name)
            removed.append(name)
        except EnvironmentRefused as error:
            refused = refused or error
    print_removed(format_, removed, freed, "venv", "no venv was removed")
    if refused is not None and not unused:
        raise refused


def _as_json(entry: Entry) -> dict[str, Any]:
    from runner.workspace import as_json

    venv: dict[str, Any] = as_json(entry.venv)
    del venv["version"]  # of the record that is kept
    return {
        **venv,
        "folder": str(entry.folder),
        "last_used": _last_used(entry),
        "uses": as_json(entry.uses),
    }


def _declared_python(entry: Entry) -> str:
    declared = entry.venv.declared_python
    return f"of {declared} that is declared" if declared else "as none is declared"


def _last_used(entry: Entry) -> str | None:
    return entry.uses[0].at if entry.uses else None


def _in_utc(time: str) -> str:
    from runner.cli.printing import moment

    return f"{moment(time)} UTC"
