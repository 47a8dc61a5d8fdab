"""Addresses are resolved here to files of this machine."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from runner.declarations.references import PREFIX
from runner.errors import EnvironmentRefused, NotFound
from runner.jobs.addresses import (
    JobAddress,
    JobOutput,
    RegisteredModel,
    is_job_address,
    parse_job_address,
)
from runner.local.jobs import show_job
from runner.workspace import Job


@dataclass(frozen=True)
class Found:
    """The files of a path or an address."""

    path: Path
    base_name: str  # the name of a copy
    job: str | None = None  # that made it, and its run, if they are known
    run: str | None = None


def find_files(home: Path, address: str) -> Found:
    """Find the files of an address on this machine.

    Raises EnvironmentRefused for what lies elsewhere and for the files of a job that still runs,
    and as `find_artifact` and `parse_job_address`.
    """
    if not is_job_address(address):
        raise EnvironmentRefused(_elsewhere(address))
    from runner.local.tracking.artifacts import find_artifact
    from runner.local.tracking.origins import makers_of

    parsed = parse_job_address(address)
    if isinstance(parsed, JobOutput):
        check_ended(show_job(home, parsed.job))
    path = find_artifact(home, parsed)
    job, run = makers_of(home, parsed, path)
    if job and not isinstance(parsed, JobOutput):
        with suppress(NotFound):  # a job that was removed leaves its runs
            check_ended(show_job(home, job))
    return Found(path, _base_name(parsed) or path.name, job, run)


def check_ended(job: Job) -> None:
    """Raise EnvironmentRefused for a job that still runs: its files may be incomplete."""
    if not job.status.final:
        raise EnvironmentRefused(
            f"job {job.name!r} is {job.status}, and its files are complete once it has ended:"
            f" `runner jobs stream {job.name}` waits for that"
        )


def _base_name(address: JobAddress) -> str:
    """Return what an address calls its files; an empty text for a whole output."""
    if isinstance(address, RegisteredModel):
        return address.name or "model"
    return address.path.rpartition("/")[2]


def _elsewhere(address: str) -> str:
    """Return the error for an address that can't be reached from here, with the way out."""
    if address.startswith(PREFIX) and "/" not in address:
        return (
            f"{address} is an asset that is registered already: `runner models download` or"
            " `runner data download` copies it to a folder, which --path takes"
        )
    if address.startswith((PREFIX, "abfss:", "adl:", "wasbs:")):
        return (
            f"{address} lies in Azure: register it where it lies, with --env and an environment of"
            " Azure, or fetch it and give the copy with --path"
        )
    if address.startswith(("http://", "https://")):
        import shlex

        command = f"curl -fLO {shlex.quote(address)}"
        return (
            f"{address} is not on this machine: `{command}` fetches it; give the copy with --path"
        )
    return f"{address} is not on this machine: fetch it and give the copy with --path"
