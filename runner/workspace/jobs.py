"""The jobs of a workspace, and their results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from runner.jobs.kinds import JobType
from runner.venvs.interpreter import Interpreter

if TYPE_CHECKING:
    from runner.profile.profile import Profile
    from runner.workspace.runs import Run


class JobStatus(StrEnum):
    """A state that Azure Machine Learning shows for a job."""

    QUEUED = "Queued"
    RUNNING = "Running"
    FINALIZING = "Finalizing"
    COMPLETED = "Completed"
    FAILED = "Failed"
    CANCELED = "Canceled"
    NOT_RESPONDING = "NotResponding"

    @property
    def final(self) -> bool:
        """Tell whether nothing more will happen to the job by itself."""
        return self in _FINAL


_FINAL = frozenset(
    {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELED, JobStatus.NOT_RESPONDING}
)


@dataclass(frozen=True)
class Job:
    """A job: an invocation of a batch endpoint, or a run of a declared job."""

    name: str
    type: JobType
    status: JobStatus
    created_at: str  # ISO 8601, UTC
    endpoint: str | None = None
    deployment: str | None = None
    model: str | None = None  # azureml:name:version
    input: str | None = None
    output: str | None = None  # where the output named `score` lies, once there is one
    folder: str | None = None  # logs, failures, summary, report
    started_at: str | None = None
    ended_at: str | None = None
    error: str | None = None  # one line, for a job that failed
    notices: tuple[str, ...] = ()  # lines worth knowing when it is begun; not kept
    interpreter: Interpreter | None = None  # that runs model, script or command, on this machine


@dataclass(frozen=True)
class Progress:
    """The progress of a job."""

    status: JobStatus
    mini_batches: int  # all of the job's
    mini_batches_done: int  # finished for good, failed ones included
    rows: int | None  # scored so far; None where they are counted in the end only
    failed_files: int | None  # None where the environment counts none
    loading: bool = False  # the model is being loaded; nothing can be scored before
    noun: str = "mini-batch"  # or "part", where slices of large files are counted among them


@dataclass(frozen=True)
class LogLine:
    """A line of a job's log."""

    text: str


@dataclass(frozen=True)
class Summary:
    """The figures of a finished job; the same content as its `summary.json`."""

    job: str
    status: str
    rows: int
    files: int
    failed_files: int | None  # None where the environment counts none
    mini_batches: int
    retries: int | None  # None where the environment counts none
    seconds: float  # of its last run, from the start of its process to the end
    rows_per_second: float  # of its last run
    predictions: Mapping[str, int]  # class → rows; empty where predictions are not classes
    output: str | None  # predictions.csv, or the folder a summary_only script wrote to
    report: str | None
    notices: Sequence[str] = ()  # the first few failures and warnings, a line each
    # For each column of the predictions its `classes` (class → rows) or the figures that
    # `tally.Numbers` names. A single column is called `prediction`.
    columns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    interpreter: Interpreter | None = None  # that ran model or script, on this machine


class Figure(NamedTuple):
    """A figure of a summary, and how it is shown; one that is None is left out."""

    field: str  # of Summary
    name: str | None  # in a printed summary; None: it is not printed
    title: str  # on the report's page
    place: int  # among those on the page
    unit: Literal["count", "seconds", "rows a second"] = "count"
    colour: Literal["", "warn", "bad"] = ""  # on the page, where it is not 0
    share_of: str | None = None  # the field of the whole, of which the page tells the share


FIGURES = (  # in the order in which they are printed
    Figure("rows", "rows", "Rows", 0),
    Figure("files", "files", "Files", 3),
    Figure("failed_files", "failures", "Failed files", 4, colour="bad", share_of="files"),
    Figure("mini_batches", None, "Mini-batches", 5),
    Figure("retries", "retries", "Retries", 6, colour="warn"),
    Figure("seconds", "seconds", "Time", 2, "seconds"),
    Figure("rows_per_second", "speed", "Rows a second", 1, "rows a second"),
)


class Jobs(Protocol):
    """The jobs of a workspace; each was begun by an invocation or a training."""

    def jobs(self, limit: int | None = None, type: JobType | None = None) -> list[Job]:  # noqa: A002
        """List the jobs, of one type where that is asked for, the latest first."""
        ...

    def job(self, name: str | None = None) -> Job:
        """Return a job by its name, or the latest one."""
        ...

    def follow(self, name: str, logs: bool = True) -> Iterator[Progress | LogLine]:
        """Yield until the job is final: how far it has come and, where asked, its log's lines.

        Of a final job: the whole log, then its last progress.
        """
        ...

    def summary(self, name: str) -> Summary:
        """Return the summary of a job that is on this machine: nothing is fetched for it."""
        ...

    def collect(self, name: str) -> Summary:
        """Fetch a completed job's results to this machine, unless here, and say what it did."""
        ...

    def profile(self, name: str) -> Profile:
        """Return how the columns of a completed batch job's inputs and predictions are distributed.

        Raises EnvironmentRefused where none was left and none can be made.
        """
        ...

    def cancel(self, name: str) -> Job:
        """Ask for the end of a job, which may come a while later; return the job as it stands."""
        ...

    def resume(self, name: str) -> Job:
        """Begin a job again that was cut off or failed; only what is missing is done."""
        ...

    def remove_jobs(self, names: Sequence[str], *, pretend: bool = False) -> int:
        """Remove jobs with all that only they hold, and return the bytes that frees.

        With `pretend` nothing is removed. Raises `EnvironmentRefused` where the environment keeps
        its jobs, whatever is named, and where one of them is not final; then none is removed.
        Models and data registered from their outputs stay, with what is known of their origin.
        """
        ...

    def download_job(self, name: str, target: Path) -> Path:
        """Copy a job's outputs and logs to `target`, which may not exist yet, and return that."""
        ...

    def run(self, name: str) -> Run | None:
        """Return what a job has tracked so far; None for a job that tracks nothing.

        Raises NotFound.
        """
        ...

    def model_address(self, name: str) -> str:
        """Return the address of a job's model: its output `model`, else the only one it logged.

        Raises NotFound where it made none, and WrongUsage with the names where it logged several.
        """
        ...
