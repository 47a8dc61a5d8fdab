"""`runner invoke`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from runner.cli.options import (
    Command,
    Session,
    common,
    deployment_names,
    endpoint_names,
    env_manager_option,
    format_option,
    pass_session,
)

if TYPE_CHECKING:
    from runner.workspace import Response


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  runner invoke diabetes-online data/diabetes/request.json
  runner invoke diabetes-online data/diabetes/request.json -d green
  cat data/diabetes/request.json | runner invoke diabetes-online -
  runner invoke diabetes-online data/diabetes/request.json -o json | jq .body""",
)
@click.argument("endpoint", shell_complete=endpoint_names("online"))
@click.argument("request", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--deployment",
    "-d",
    metavar="NAME",
    shell_complete=deployment_names("online"),
    help="The deployment to ask.  [default: by the endpoint's traffic]",
)
@click.option(
    "--container-status",
    is_flag=True,
    help="Tell the status of the model or script itself, where the endpoint answers 424.",
)
@env_manager_option
@format_option("table", "json")
@common
@pass_session
def invoke(
    session: Session,
    endpoint: str,
    request: str,
    deployment: str | None,
    container_status: bool,
    format_: str,
) -> None:
    """Send one request to an online endpoint.

    REQUEST is a JSON file, or - for stdin. The answer's body goes to stdout as it came; with
    -o json, an object with status, deployment, seconds and body. Which deployment answered, and
    how fast, goes to stderr.
    """
    from dataclasses import replace

    from runner.cli.printing import print_json, print_note
    from runner.errors import RunnerError

    body = _read(request)
    response = session.open().send(endpoint, body, deployment)
    if container_status:
        response = replace(response, status=response.container_status, model_error=None)
    if format_ == "json":
        print_json(_as_json(response))
    else:
        text = response.body.decode("utf-8", "backslashreplace")
        print(text, end="" if text.endswith("\n") else "\n")
    name = response.deployment or "no deployment"
    print_note(f"{name} answered {response.status} in {response.seconds * 1000:,.0f} ms")
    if response.status >= 400:
        sys.stdout.flush()
        model = f", its model {response.model_error}" if response.model_error else ""
        raise RunnerError(
            f"endpoint {endpoint!r} answered {response.status}{_meaning(response.status)}{model};"
            " its answer says why"
        )


def _read(request: str) -> bytes:
    """Return the request's bytes. Raises WrongUsage, with the place, unless they are JSON."""
    import json
    from pathlib import Path

    from runner.errors import WrongUsage

    name = "stdin" if request == "-" else request
    body = sys.stdin.buffer.read() if request == "-" else Path(request).read_bytes()
    try:
        json.loads(body.decode())
    except UnicodeDecodeError as error:
        raise WrongUsage(f"{name}: byte {error.start} is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        place = f"{name}:{error.lineno}:{error.colno}"
        raise WrongUsage(f"{place}: not JSON: {error.msg}") from None
    except (RecursionError, ValueError):
        raise WrongUsage(f"{name}: JSON nested too deep, or with a number too long") from None
    return body


def _as_json(response: Response) -> dict[str, Any]:
    import contextlib
    import json

    body: Any = response.body.decode("utf-8", "backslashreplace")
    with contextlib.suppress(ValueError):  # the text itself, then
        body = json.loads(body)
    return {
        "status": response.status,
        "deployment": response.deployment,
        "seconds": response.seconds,
        "body": body,
    }


def _meaning(status: int) -> str:
    from http import HTTPStatus

    try:
        return f" ({HTTPStatus(status).phrase})"
    except ValueError:
        return ""
