"""Addresses of files, as they are found on this machine."""

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
    """What lies at a path or an address."""

    path: Path
    base_name: str  # what a copy of it is called
    job: str | None = None  # the job that made it, and the run, where they are known
    run: str | None = None


def find_files(home: Path, address: str) -> Found:
    """Find what an address means on this machine.

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
    """Raise EnvironmentRefused for a job that still runs: what it wrote may not be whole."""
    if not job.status.final:
        raise EnvironmentRefused(
            f"job {job.name!r} is {job.status}, and its files are whole once it has ended:"
            f" `runner jobs stream {job.name}` waits for that"
        )


def _base_name(address: JobAddress) -> str:
    """What an address calls its files; empty for a whole output, whose files have a name."""
    if isinstance(address, RegisteredModel):
        return address.name or "model"
    return address.path.rpartition("/")[2]


def _elsewhere(address: str) -> str:
    """Why an address can't be reached from here, and what to do about it."""
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
