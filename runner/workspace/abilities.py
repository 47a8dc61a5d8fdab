"""The abilities by which environments differ."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Abilities:
    """The abilities of a workspace; commands ask for these, and never for an environment's name.

    A workspace refuses everything beyond them. They are known before it is opened.
    """

    serves: bool = False  # online endpoints on this machine
    makes_venvs: bool = False  # for declared environments, by the `env_manager` that is asked for
    resumes: bool = False  # jobs that were cut off
    removes_jobs: bool = False
    # A job begins in a moment, or not at all. Elsewhere a request can be cut off, and it takes a
    # while to find out whether there is a job.
    begins_at_once: bool = False
    stores_files: bool = False  # of models and data on this machine, where they may be damaged
