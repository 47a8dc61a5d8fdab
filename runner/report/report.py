"""The record of everything that a page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from runner.engine.attempt import Attempt
from runner.predictions import COLUMNS
from runner.profile.profile import Profile
from runner.tally import Tally
from runner.workspace import Summary


class Report(NamedTuple):
    """Holds everything that a page shows. Attempts are in time order, of all starts of the job."""

    summary: Summary
    endpoint: str | None
    deployment: str | None
    model: str | None  # azureml:name:version
    input: str
    started_at: str | None  # ISO 8601, UTC
    ended_at: str | None
    error: str | None
    settings: Mapping[str, str]
    attempts: Sequence[Attempt]
    tally: Tally
    resumed: int  # times it was taken up again
    columns: Sequence[str] = COLUMNS  # of the output; empty: not known
    profile: Profile | None = None  # of a completed job; None where it left none
