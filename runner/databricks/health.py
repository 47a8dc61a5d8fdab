"""Each link between a person and the endpoints of a Databricks workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from runner.databricks.client import SCOPE
from runner.databricks.connection import Connection
from runner.health import Link, pulumi_link, tried, until_broken

if TYPE_CHECKING:
    from pathlib import Path

    from runner.databricks.outputs import Outputs

_LINKS = ("pulumi", "outputs", "sign-in", "workspace")
_NEEDED = _LINKS[:4]  # without which the ones behind can't be looked at


def examine(source: str, file: Path, read: Callable[[], Outputs]) -> Iterator[Link]:
    """Each link of the chain, as it is looked at; behind a broken one the rest is skipped.

    `source` is what kind of description leads to the workspace and `read` reads it.
    """
    return until_broken(_chain(source, file, read), _LINKS, _NEEDED)


def _chain(source: str, file: Path, read: Callable[[], Outputs]) -> Iterator[Link]:
    yield pulumi_link(source, file)
    outputs: list[Outputs] = []
    yield tried("outputs", lambda: _read(outputs, read))
    connection = Connection(outputs[0])
    yield tried("sign-in", lambda: _sign_in(connection))
    yield tried("workspace", lambda: _workspace(connection))


def _read(kept: list[Outputs], read: Callable[[], Outputs]) -> str:
    outputs = read()
    kept.append(outputs)
    return f"{outputs.source} leads to workspace {outputs.workspace} at {outputs.host}"


def _sign_in(connection: Connection) -> str:
    connection.credential.get_token(SCOPE)
    return f"signed in to {connection.cloud.name}"


def _workspace(connection: Connection) -> str:
    me = connection.api.get("2.0", "preview", "scim", "v2", "Me")
    return f"{connection.outputs.workspace} knows {me.get('userName') or me.get('displayName')}"
