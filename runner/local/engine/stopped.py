"""A job that was asked to stop, told apart from one that failed."""

from __future__ import annotations


class Stopped(Exception):
    """The job was asked to stop; what it finished is kept for a resume."""
