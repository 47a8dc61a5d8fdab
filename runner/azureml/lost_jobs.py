"""Looking for the job of a batch endpoint whose answer was lost.

Azure gives such a job a name of its own. The name that is asked for is what the job is shown as, or
not even that (Azure/azure-sdk-for-python#32763); then only what it scores and when it began tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from runner.azureml.endpoints import reference
from runner.azureml.jobs import display_name, jobs_since
from runner.azureml.storage import parse_place
from runner.azureml.submission import Found, is_named
from runner.errors import WrongUsage

if TYPE_CHECKING:
    from runner.azureml.connection import Connection

_CLOCKS = timedelta(minutes=1)  # that this machine's clock and Azure's may differ by


@dataclass(frozen=True)
class LostJob:
    """What is known of a job that was asked for."""

    endpoint: str  # its actual name
    deployment: str | None  # none where that was left to the endpoint
    input: str  # as it was sent
    name: str  # that was asked for
    asked_at: datetime  # not before the first request

    def find(self, connection: Connection) -> Found:
        """The job of that name, else all that it may be. Raises EnvironmentRefused."""
        recent = list(jobs_since(connection, self.endpoint, self.asked_at - _CLOCKS))
        for one in recent:
            if display_name(one) == self.name:
                return Found(one)
        return Found(maybe=tuple(str(one["name"]) for one in recent if self._may_be(one)))

    def _may_be(self, job: Mapping[str, Any]) -> bool:
        """Whether nothing speaks against it; what isn't told doesn't."""
        properties = job["properties"]
        deployment = (properties.get("tags") or {}).get("azureml.deploymentname")
        inputs = [
            _place(str(one["uri"]))
            for one in (properties.get("inputData") or {}).values()
            if isinstance(one, dict) and one.get("uri")
        ]
        return (
            not is_named(display_name(job))
            and (self.deployment is None or deployment in (None, self.deployment))
            and (not inputs or _place(self.input) in inputs)
        )


def _place(uri: str) -> str:
    """What a URI means, however it is written and signed."""
    plain = uri.partition("?")[0].rstrip("/")
    try:
        return parse_place(plain).short_uri
    except WrongUsage:  # a data asset, or an address outside of the workspace
        return reference(plain) or plain
