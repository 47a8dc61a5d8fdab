"""Looks for a batch endpoint's job where the answer that had its name was lost.

Azure names such a job itself. The name in the request becomes its display name, or is ignored
(Azure/azure-sdk-for-python#32763); then only its input and the time of its start identify it.
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

_CLOCKS = timedelta(minutes=1)  # by which this machine's clock and Azure's may differ


@dataclass(frozen=True)
class LostJob:
    """A job that was asked for, as it was in the request."""

    endpoint: str  # its actual name
    deployment: str | None  # None where that was left to the endpoint
    input: str
    name: str
    asked_at: datetime  # before the first request

    def find(self, connection: Connection) -> Found:
        """Return the job of that name, else all that it may be. Raises EnvironmentRefused."""
        recent = list(jobs_since(connection, self.endpoint, self.asked_at - _CLOCKS))
        for job in recent:
            if display_name(job) == self.name:
                return Found(job)
        return Found(maybe=tuple(str(job["name"]) for job in recent if self._may_be(job)))

    def _may_be(self, job: Mapping[str, Any]) -> bool:
        """Tell whether a job may be this one, as no property that it has is another."""
        properties = job["properties"]
        deployment = (properties.get("tags") or {}).get("azureml.deploymentname")
        inputs = [
            _place(str(given["uri"]))
            for given in (properties.get("inputData") or {}).values()
            if isinstance(given, dict) and given.get("uri")
        ]
        return (
            not is_named(display_name(job))
            and (self.deployment is None or deployment in (None, self.deployment))
            and (not inputs or _place(self.input) in inputs)
        )


def _place(uri: str) -> str:
    """Return a form of a URI that is the same however it is written and signed."""
    plain = uri.partition("?")[0].rstrip("/")
    try:
        return parse_place(plain).short_uri
    except WrongUsage:  # a data asset, or an address outside of the workspace
        return reference(plain) or plain
