"""A job that was asked to stop, told apart from one that failed."""

from __future__ import annotations

from collections.abc import Callable


class Stopped(Exception):
    """The job was asked to stop; what it finished is kept for a resume."""


def check_stop(stop: Callable[[], bool]) -> None:
    """Raise Stopped when `stop` says so."""
    if stop():
        raise Stopped
