"""`runner ui`."""

from __future__ import annotations

import sys

import click

from runner.cli.options import Command, Session, common, pass_session


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  runner ui
  runner ui --port 0 --no-browser
  runner ui --env dev""",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=5000,
    show_default=True,
    help="The port to listen on here; 0 takes any that is free.",
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="The address to listen on here."
)
@click.option("--no-browser", is_flag=True, help="Only print the page's address.")
@common
@pass_session
def ui(session: Session, port: int, host: str, no_browser: bool) -> None:
    """Open the page of the workspace's runs.

    On this machine it is MLflow's own, which is served until Ctrl-C; elsewhere it is the
    workspace's page. Its address goes to stdout, and a browser opens it where stdout is a terminal.
    """
    from runner.cli.printing import is_terminal

    browse = is_terminal(sys.stdout) and not no_browser

    def ready(address: str) -> None:
        print(address, flush=True)
        if browse:
            import webbrowser

            webbrowser.open(address)

    session.open().show_runs(host, port, ready)
