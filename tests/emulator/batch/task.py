"""The work of a batch endpoint's job: plain data, kept with the job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.emulator.batch.places import Place

INVOCATION = "invocation"  # what of a job's secrets its endpoint tells


@dataclass(frozen=True)
class Settings:
    """The deployment's settings with what the invocation changes of them."""

    mini_batch_size: int
    processes: int
    max_retries: int
    timeout: float  # seconds
    error_threshold: int
    output_action: str  # append_row, summary_only
    output_file_name: str


@dataclass(frozen=True)
class Task:
    """A job and its child, which does the work, as on Azure."""

    workspace: str  # id
    job: str
    child: str
    input: Place
    output: Place
    output_uri: str
    model: Place | None
    code: Place | None
    scoring_script: str | None
    settings: Settings
    environment_variables: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Give it as what JSON takes."""
        return asdict(self)


def task_from(document: Mapping[str, Any]) -> Task:
    """Read what `to_json` gave."""
    places = {
        key: Place(**document[key]) if document[key] else None
        for key in ("input", "output", "model", "code")
    }
    return Task(**{**document, **places, "settings": Settings(**document["settings"])})
