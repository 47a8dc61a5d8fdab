"""`runner serve`."""

from __future__ import annotations

import click

from runner.cli.options import (
    Command,
    Session,
    common,
    endpoint_names,
    env_manager_option,
    pass_session,
)


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  runner serve diabetes-online
  runner serve diabetes-online --port 8080
  runner serve diabetes-online --port 0 -v""",
)
@click.argument("endpoint", shell_complete=endpoint_names("online"))
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=5001,
    show_default=True,
    help="The port to listen on; 0 takes any that is free.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen on.",
)
@click.option(
    "--container-status",
    is_flag=True,
    help="Answer with the status of the model or script itself, where Azure answers 424.",
)
@env_manager_option
@common
@pass_session
def serve(session: Session, endpoint: str, port: int, host: str, container_status: bool) -> None:
    """Serve an online endpoint on this machine.

    Loads every deployment of ENDPOINT, prints its scoring URI and answers /score until Ctrl-C,
    which lets requests under way be answered first; a second Ctrl-C ends at once. Says where the
    endpoint's key is. Failed requests go to stderr, with -v all of them, and so does what the
    models and scripts print. GET /health and GET /metrics tell how it goes.
    """
    from runner.cli.printing import print_note
    from runner.workspace import Serving
    from runner.workspace.endpoints import refuse_serving

    if not session.abilities().serves:
        raise refuse_serving(session.environment, endpoint)
    session.open().serve(
        endpoint,
        Serving(host, port, session.verbose, container_status),
        ready=lambda uri: print(uri, flush=True),
        log=print_note,
    )
