"""The results of a job that ran elsewhere: fetched to this machine once, and downloaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import copytree

from runner.assets.fetching import fresh_folder
from runner.errors import EnvironmentRefused, NotFound, RunnerError
from runner.jobs.addresses import JobOutput
from runner.jobs.folder import job_folder
from runner.jobs.logged_models import only_model
from runner.jobs.summary import read_summary
from runner.workspace import Job, JobStatus, Run, Summary

SUMMARY = "summary.json"
OUTPUTS = "named-outputs"  # the folder that az ml gives a job's outputs, each below its name
ARTIFACTS = "artifacts"  # and the one that it gives the logs


def is_fetched(home: Path, name: str) -> bool:
    """Tell whether the results of a job lie in `home`."""
    return (job_folder(home, name) / SUMMARY).exists()


def fetch_once(home: Path, name: str, fetch: Callable[[Path, Path], None]) -> None:
    """Fetch the results of a job into `home`, all of them or none.

    `fetch` gets two folders: it writes results and summary into the first, which becomes the second
    in the end. Its errors are raised, unless another process has fetched the results meanwhile.
    """
    folder = job_folder(home, name)
    try:
        with fresh_folder(folder, private_in=home) as draft:
            fetch(draft, folder)
    except RunnerError:
        if not is_fetched(home, name):
            raise


def fetched_summary(home: Path, name: str) -> Summary:
    """Return the summary of a job whose results were fetched. Raises NotFound for any other.

    Raises EnvironmentRefused where the summary is damaged.
    """
    folder = job_folder(home, name)
    found = read_summary(folder)
    if found is None and is_fetched(home, name):
        raise EnvironmentRefused(
            f"{folder / SUMMARY} can't be read: remove {folder}, and the results are fetched again"
        )
    if found is None:
        raise NotFound(f"the results of job {name!r} were not fetched yet")
    return replace(found, notices=tuple(found.notices))


def download_results(
    home: Path,
    job: Job,
    target: Path,
    fetch_outputs: Callable[[Path], None],
    fetch_logs: Callable[[Path], None],
) -> Path:
    """Fetch a job's outputs and logs, as `az ml job download --all` lays them out.

    Outputs go to `named-outputs/<name>/`, logs and records to `artifacts/`; what was collected into
    `home` is copied from there. Both functions get the folder to write to. Returns `target`. Raises
    WrongUsage where it exists, and NotFound where there is nothing to fetch.
    """
    target = target.absolute()
    collected = job_folder(home, job.name) / OUTPUTS
    with fresh_folder(target) as draft:
        if collected.exists():
            copytree(collected, draft / OUTPUTS)
        else:
            fetch_outputs(draft / OUTPUTS)
        fetch_logs(draft / ARTIFACTS)
        if not any(draft.iterdir()):
            raise NotFound(f"job {job.name!r}, which is {job.status}, has nothing to download")
    return target


def find_model(job: Job, has_output: Callable[[], bool], run: Callable[[], Run | None]) -> str:
    """Return the address of the model that a job made: its output `model`, else what it logged.

    `has_output` tells whether there is such an output. Raises NotFound for a job that tracks
    nothing or is not completed, and as `only_model`.
    """
    if job.type == "batch":
        raise NotFound(
            f"job {job.name!r} is a batch job, which tracks nothing: name a training job"
        )
    if job.status is not JobStatus.COMPLETED:
        raise NotFound(f"job {job.name!r} is {job.status}: only a completed one has results")
    if has_output():
        return str(JobOutput(job.name, "model"))
    return str(only_model(job, run()))
