"""`runner endpoints`."""

from __future__ import annotations

import click

from runner.cli.options import (
    Group,
    Session,
    common,
    endpoint_names,
    format_option,
    pass_session,
)


@click.group(
    cls=Group,
    epilog="""\b
Examples:
  runner endpoints list
  runner endpoints show diabetes-batch""",
)
@common
def endpoints() -> None:
    """Look at endpoints and their deployments."""


@endpoints.command(
    "list",
    epilog="""\b
Examples:
  runner endpoints list
  runner endpoints list -o json""",
)
@format_option("table", "json")
@common
@pass_session
def list_endpoints(session: Session, format_: str) -> None:
    """List endpoints with their deployments."""
    from runner.cli.printing import print_endpoints, print_json, print_note
    from runner.project import LOCAL
    from runner.workspace import as_json

    found = session.open().endpoints()
    if format_ == "json":
        print_json(as_json(found))
    elif found:
        print_endpoints(found)
    else:
        deployed = "" if session.environment == LOCAL else ", or none is deployed yet"
        print_note(f"no endpoints: none is declared in models/{deployed}")


@endpoints.command(
    epilog="""\b
Examples:
  runner endpoints show diabetes-batch"""
)
@click.argument("name", shell_complete=endpoint_names())
@format_option("table", "json")
@common
@pass_session
def show(session: Session, name: str, format_: str) -> None:
    """Show an endpoint: its deployments, their models and drivers."""
    from runner.cli.printing import print_endpoint, print_json
    from runner.workspace import as_json

    endpoint = session.open().endpoint(name)
    if format_ == "json":
        print_json(as_json(endpoint))
    else:
        print_endpoint(endpoint)
