"""`runner data`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from runner.cli.assets import (
    add_download,
    add_list,
    add_show,
    print_registered,
    register_asset,
    registration,
    registration_options,
)
from runner.cli.options import Group, Session, common, format_option, pass_session


@click.group(
    cls=Group,
    epilog="""\b
Examples:
  runner data list
  runner data register -f models/diabetes/data.yml""",
)
@common
def data() -> None:
    """Register data, look at it, fetch it."""


@data.command(
    epilog="""\b
Examples:
  runner data register -f models/diabetes/data.yml
  runner data register --name patients --path data/diabetes/unlabeled"""
)
@registration_options("data")
@format_option("table", "json")
@common
@pass_session
def register(
    session: Session, /, format_: str, source: Path | str | None, file: Path | None, **options: Any
) -> None:
    """Register data.

    It comes from its declaration, or from a path. The same content registered again keeps its
    version.
    """
    wanted = registration("data", source, file, **options)
    print_registered(register_asset(session.open(), "data", wanted), format_)


add_list(data, "data")
add_show(data, "data")
add_download(data, "data")
