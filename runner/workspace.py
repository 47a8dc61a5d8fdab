"""The interface every environment implements, and the records it speaks in.

A command line command is a call of one of these methods and a way to print what it returns.
Adapters (`runner.local`, later `runner.azureml`) implement the interface and never import
each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from runner.content import Content

AssetKind = Literal["model", "data"]


@dataclass(frozen=True)
class Asset:
    """One version of a model or of a data asset."""

    kind: AssetKind
    name: str
    version: str
    type: str  # mlflow_model, custom_model · uri_file, uri_folder
    content_hash: str  # hex SHA-256 of the names and contents; empty where nobody took it
    path: str  # where this environment keeps it
    base_name: str  # of the file or folder it was registered from
    created_at: str  # ISO 8601, UTC
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    job: str | None = None  # the job that produced it

    @property
    def reference(self) -> str:
        return f"azureml:{self.name}:{self.version}"


@dataclass(frozen=True)
class Transfer:
    """How far an upload or a download has come."""

    verb: Literal["uploading", "downloading"]
    name: str  # of what is on its way
    bytes_done: int
    bytes_all: int


class JobStatus(StrEnum):
    """The states Azure Machine Learning shows for a job."""

    QUEUED = "Queued"
    RUNNING = "Running"
    FINALIZING = "Finalizing"
    COMPLETED = "Completed"
    FAILED = "Failed"
    CANCELED = "Canceled"
    NOT_RESPONDING = "NotResponding"

    @property
    def final(self) -> bool:
        """True when nothing more will happen to the job by itself."""
        return self in _FINAL


_FINAL = frozenset(
    {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELED, JobStatus.NOT_RESPONDING}
)


@dataclass(frozen=True)
class Job:
    """One invocation of a batch endpoint, or one training run."""

    name: str
    type: Literal["batch", "command"]
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
    notices: tuple[str, ...] = ()  # what is worth knowing when it is begun; not kept


@dataclass(frozen=True)
class Progress:
    """How far a job has come."""

    status: JobStatus
    mini_batches: int  # all of the job's
    mini_batches_done: int  # finished for good, failed ones included
    rows: int | None  # scored so far; None where they are counted in the end only
    failed_files: int | None  # None where the environment counts none
    loading: bool = False  # the model is being loaded; nothing can be scored before
    noun: str = "mini-batch"  # or "part", where slices of large files are counted among them


@dataclass(frozen=True)
class LogLine:
    """One line of a job's log."""

    text: str


@dataclass(frozen=True)
class Summary:
    """What a finished job did; the same content as its `summary.json`."""

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
    # Of each column of the predictions its `classes` (class → rows) or the figures that
    # `tally.Numbers` names. The only one is called `prediction`.
    columns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class DeploymentInfo:
    name: str
    endpoint: str
    model: str | None
    driver: str  # "mlflow", or the scoring script's name
    default: bool
    traffic: int | None = None  # percent, online endpoints only


@dataclass(frozen=True)
class EndpointInfo:
    name: str
    kind: Literal["batch", "online"]
    deployments: tuple[DeploymentInfo, ...]
    default: str | None = None
    scoring_uri: str | None = None
    description: str = ""


@dataclass(frozen=True)
class Registration:
    """A model or data asset to register, as a declaration or a command line gives it."""

    name: str
    path: Path
    type: str
    version: str | None = None  # None: the next one, unless the content is registered already
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    job: str | None = None
    names: tuple[str, ...] | None = None  # the files of a folder that count; None: all of it


@dataclass(frozen=True)
class Invocation:
    """What `az ml batch-endpoint invoke` takes. None means: as declared."""

    endpoint: str | None = None
    deployment: str | None = None
    data: str | None = None  # path, pattern, azureml: reference, datastore URI or https URL
    input_type: str | None = None  # uri_file, uri_folder
    mini_batch_size: int | None = None
    instance_count: int | None = None
    slice_above: int | None = None  # bytes; a larger file is dealt out in slices; 0: never
    # --set KEY=VALUE: a key of the deployment's settings, dotted, with or without `settings.`
    settings: Mapping[str, str] = field(default_factory=dict)
    output_path: str | None = None  # a path, or a datastore URI


@dataclass(frozen=True)
class Response:
    """What an online endpoint answered to one request."""

    status: int  # of HTTP
    body: bytes
    content_type: str
    deployment: str | None  # the one that answered, where the endpoint says so
    seconds: float  # from sending the request to its last byte
    model_error: str | None = None  # the model's own status and reason, where the endpoint says so


class Workspace(Protocol):
    """What an environment's models, data, endpoints and jobs live in.

    Every method raises `NotFound` for a name the environment lacks (with the nearest names)
    and `EnvironmentRefused` where the environment can't be reached or says no.
    """

    environment: str
    on_transfer: Callable[[Transfer], None]  # told while much is sent or fetched; from any thread

    def register(self, kind: AssetKind, registration: Registration) -> Asset: ...
    def assets(self, kind: AssetKind, name: str | None = None) -> list[Asset]:
        """All versions of a name, newest first; without one the latest of every name, by name."""
        ...

    def asset(self, kind: AssetKind, reference: str) -> Asset: ...
    def download_asset(self, kind: AssetKind, reference: str, target: Path) -> Path: ...
    def contents(self, kind: AssetKind, reference: str) -> Content:
        """The files of an asset, which are read only as they are asked for."""
        ...

    def receive(self, asset: Asset, content: Content) -> Asset:
        """Register a copy of another workspace's asset, as the next version of its name.

        Where the name has the content already, that version is returned as it is. Raises
        `EnvironmentRefused` where the content has another hash than the asset; nothing is
        registered then.
        """
        ...

    def register_code(self, name: str, folder: Path) -> str | None:
        """Make a scoring script's folder available to deployments and return its reference.

        The same content again keeps its version. None where code runs from where it lies.
        """
        ...

    def endpoints(self) -> list[EndpointInfo]: ...
    def endpoint(self, name: str) -> EndpointInfo: ...
    def default_endpoint(self) -> str | None:
        """The batch endpoint that `invoke` takes where none is named; None where one must be."""
        ...

    def invoke(self, invocation: Invocation) -> Job: ...
    def send(self, endpoint: str, body: bytes, deployment: str | None = None) -> Response:
        """Send one JSON request to an online endpoint, to one of its deployments where named.

        An answer that is an error (4xx, 5xx) is returned like any other.
        """
        ...

    def train(self, model: str, inputs: Mapping[str, str]) -> Job: ...

    def jobs(self, limit: int | None = None) -> list[Job]: ...
    def job(self, name: str | None = None) -> Job: ...
    def follow(self, name: str, logs: bool = True) -> Iterator[Progress | LogLine]:
        """Yield until the job is final: how far it has come and, where asked, its log's lines.

        Of a final job: the whole log, then its last progress.
        """
        ...

    def summary(self, name: str) -> Summary:
        """What a job did, as far as this machine knows: nothing is fetched for it."""
        ...

    def collect(self, name: str) -> Summary:
        """Fetch a completed job's results to this machine, unless here, and say what it did."""
        ...

    def cancel(self, name: str) -> Job: ...
    def resume(self, name: str) -> Job: ...
    def remove_jobs(self, names: Sequence[str], *, pretend: bool = False) -> int:
        """Remove jobs with all that only they hold, and return the bytes that frees.

        With `pretend` nothing is removed. Raises `EnvironmentRefused` where the environment keeps
        its jobs, whatever is named, where one of them is not final, and where an asset has it as
        its origin; then none is removed.
        """
        ...

    def download_job(self, name: str, target: Path) -> Path: ...
    def job_output(self, name: str, output: str) -> Path:
        """The file or folder that a job wrote as its output of that name, such as `model`."""
        ...


def only_deployment(endpoint: str, deployment: str) -> str:
    """What is said where an invocation names no deployment, and the endpoint has no default."""
    return f"endpoint {endpoint!r} has no default deployment; its only one, {deployment!r}, is used"


def as_json(record: Any) -> Any:
    """Turn a record, or a list of them, into what `json.dumps` takes."""
    from dataclasses import asdict

    if isinstance(record, list):
        return [as_json(one) for one in record]
    return asdict(record)
