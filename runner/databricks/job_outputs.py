"""Where in the volume lies what jobs wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.databricks.jobs import find_request, job_status
from runner.errors import EnvironmentRefused, NotFound
from runner.nearest import nearest
from runner.workspace import JobStatus

if TYPE_CHECKING:
    from runner.databricks.connection import Connection
    from runner.jobs.addresses import JobOutput


def output_place(connection: Connection, meant: JobOutput) -> str:
    """The path of what a completed job wrote to one of its outputs.

    Raises NotFound for an unknown job or output, and EnvironmentRefused while the job still runs.
    """
    asked = find_request(connection, meant.job)
    path = asked.outputs.get(meant.output)
    if path is None:
        hint = nearest(meant.output, asked.outputs)
        raise NotFound(f"job {meant.job!r} has no output {meant.output!r}{hint}")
    status = job_status(connection, meant.job, asked)
    if status is not JobStatus.COMPLETED:
        raise EnvironmentRefused(
            f"job {meant.job!r} is {status}: only what a completed one wrote can be registered"
        )
    place = f"{connection.outputs.volume}/{path}".rstrip("/")
    return f"{place}/{meant.path}" if meant.path else place
