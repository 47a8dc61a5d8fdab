"""A workspace in memory: what it is given it holds, and its jobs go as they are told to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from runner.assets.content import Content, scan
from runner.assets.kinds import ASSET_KINDS
from runner.errors import EnvironmentRefused, NotFound
from runner.jobs.kinds import JobType
from runner.profile.profile import Profile
from runner.venvs.interpreter import EnvManager
from runner.workspace import (
    Abilities,
    Asset,
    AssetKind,
    DeploymentInfo,
    EndpointInfo,
    Invocation,
    Job,
    JobStatus,
    LogLine,
    Origin,
    Progress,
    Registration,
    Response,
    Run,
    Serving,
    Summary,
    TrainingRequest,
    Transfer,
)

CREATED = "2025-03-01T14:05:09.123+00:00"


def progress(done: int, of: int = 4, failed: int = 0) -> Progress:
    return Progress(JobStatus.RUNNING, of, done, rows=100 * done, failed_files=failed)


def _hash(path: Path) -> str:
    """Return a folder's content by its names and bytes, a file's by its bytes."""
    files = [file for file in (path, *sorted(path.rglob("*"))) if file.is_file()]
    parts = [bytes(file.relative_to(path)) + file.read_bytes() for file in files]
    return sha256(b"".join(parts)).hexdigest()


@dataclass
class MemoryWorkspace:
    """Jobs are named job-1, job-2, …; each shows `events` and then has the status `ending`."""

    environment: str = "local"
    ending: JobStatus = JobStatus.COMPLETED
    error: str | None = None
    events: list[Progress | LogLine] = field(
        default_factory=lambda: [progress(0), LogLine("loading"), progress(2), progress(4)]
    )
    endless: bool = False  # a job runs until it is canceled
    deaf: bool = False  # and cancelling never comes to an end
    retries: int | None = 1
    failed_files: int | None = 0
    predictions: dict[str, int] = field(default_factory=lambda: {"0": 300, "1": 100})
    default: str | None = "diabetes-batch"
    notices: tuple[str, ...] = ()  # of every job that begins
    summary_notices: tuple[str, ...] = ()  # of every job that ended
    invocations: list[Invocation] = field(default_factory=list)
    trainings: list[TrainingRequest] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)
    registrations: list[tuple[AssetKind, Registration]] = field(default_factory=list)
    collected: list[str] = field(default_factory=list)
    downloads: list[tuple[str, Path]] = field(default_factory=list)
    runs: dict[str, Run] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)  # job → what is known of it
    files: dict[str, Path] = field(default_factory=dict)  # what lies at an address
    models_of_jobs: dict[str, str] = field(default_factory=dict)  # job → address of its model
    requests: list[tuple[str, bytes, str | None]] = field(default_factory=list)
    response: Response = field(
        default_factory=lambda: Response(200, b"[0, 1]", "application/json", "blue", 0.0123)
    )
    served: list[tuple[str, Serving]] = field(default_factory=list)
    shared: list[tuple[str, str]] = field(default_factory=list)
    codes: list[tuple[str, Path]] = field(default_factory=list)
    received: list[Asset] = field(default_factory=list)
    profiles: dict[str, Profile] = field(default_factory=dict)  # of batch jobs
    on_follow: Callable[[], None] = lambda: None
    _jobs: dict[str, Job] = field(default_factory=dict)
    _assets: list[Asset] = field(default_factory=list)
    _endpoints: list[EndpointInfo] = field(
        default_factory=lambda: [
            EndpointInfo(
                "diabetes-batch",
                "batch",
                (
                    DeploymentInfo(
                        "mlflow", "diabetes-batch", "azureml:diabetes:1", "mlflow", default=True
                    ),
                    DeploymentInfo(
                        "script", "diabetes-batch", "azureml:diabetes:1", "score.py", default=False
                    ),
                ),
                default="mlflow",
                description="Diabetes of patients",
            ),
            EndpointInfo(
                "diabetes-online",
                "online",
                (
                    DeploymentInfo(
                        "blue",
                        "diabetes-online",
                        "azureml:diabetes:1",
                        "mlflow",
                        default=False,
                        traffic=100,
                    ),
                ),
                scoring_uri="https://scoring.example/score",
            ),
        ]
    )

    @property
    def abilities(self) -> Abilities:
        """Return those of this machine for `local`, of Azure's workspaces for any other name."""
        if self.environment != "local":
            return Abilities()
        return Abilities(
            serves=True, makes_venvs=True, resumes=True, removes_jobs=True, begins_at_once=True
        )

    def __post_init__(self) -> None:
        self.on_transfer: Callable[[Transfer], None] = lambda _: None
        self.on_notice: Callable[[str], None] = lambda _: None
        self.on_step: Callable[[str], None] = lambda _: None
        self.env_manager: EnvManager | None = None

    def register(self, kind: AssetKind, registration: Registration) -> Asset:
        self.registrations.append((kind, registration))
        path = registration.path
        if isinstance(path, str):
            path = self.files[path]
        content, versions = _hash(path), self._versions(kind, registration.name)
        for asset in versions:
            if asset.content_hash == content and registration.version in (None, asset.version):
                return asset
            if asset.version == registration.version:
                raise EnvironmentRefused(f"{asset.reference} exists with other content")
        asset = Asset(
            kind,
            registration.name,
            registration.version or str(1 + len(versions)),
            registration.type or ASSET_KINDS[kind].guess_type(path),
            content,
            str(path),
            path.name,
            CREATED,
            registration.description,
            registration.tags,
            registration.job,
            self.origins.get(registration.job or ""),
            registration.properties,
            registration.more.get("stage"),
        )
        self._assets.append(asset)
        return asset

    def assets(self, kind: AssetKind, name: str | None = None) -> list[Asset]:
        if name is None:
            latest = {asset.name: asset for asset in self._assets if asset.kind == kind}
            return [latest[key] for key in sorted(latest)]
        versions = self._versions(kind, name)
        if not versions:
            raise NotFound(f"no {kind} {name!r}")
        return versions

    def _versions(self, kind: AssetKind, name: str) -> list[Asset]:
        return [
            asset for asset in reversed(self._assets) if (asset.kind, asset.name) == (kind, name)
        ]

    def asset(self, kind: AssetKind, reference: str) -> Asset:
        prefix, _, rest = reference.partition(":")
        assert prefix == "azureml"
        name, _, version = rest.removesuffix("@latest").partition(":")
        for asset in self.assets(kind, name):
            if version in ("", asset.version):
                return asset
        raise NotFound(f"{kind} {name!r} has no version {version!r}")

    def download_asset(self, kind: AssetKind, reference: str, target: Path) -> Path:
        self.downloads.append((reference, target))
        return target

    def contents(self, kind: AssetKind, reference: str) -> Content:
        return scan(Path(self.asset(kind, reference).path))

    def receive(self, asset: Asset, content: Content) -> Asset:
        for registered in self._versions(asset.kind, asset.name):
            if registered.content_hash == asset.content_hash:
                return registered
        versions = self._versions(asset.kind, asset.name)
        received = replace(asset, version=str(1 + len(versions)), job=None)
        self.received.append(received)
        self._assets.append(received)
        return received

    def share(self, reference: str, registry: str) -> Asset:
        model = self.asset("model", reference)
        self.shared.append((model.reference, registry))
        return model

    def register_code(self, name: str, folder: Path) -> str | None:
        if self.environment == "local":
            return None
        self.codes.append((name, folder))
        return f"azureml:{name}:{1 + len(self.codes)}"

    def endpoints(self) -> list[EndpointInfo]:
        return self._endpoints

    def endpoint(self, name: str) -> EndpointInfo:
        for endpoint in self._endpoints:
            if endpoint.name == name:
                return endpoint
        raise NotFound(f"no endpoint {name!r}")

    def default_endpoint(self) -> str | None:
        return self.default

    def invoke(self, invocation: Invocation) -> Job:
        self.invocations.append(invocation)
        job = self.add(
            Job(
                f"job-{len(self._jobs) + 1}",
                "batch",
                JobStatus.RUNNING,
                CREATED,
                endpoint=invocation.endpoint or "diabetes-batch",
                deployment=invocation.deployment or "mlflow",
                model="azureml:diabetes:1",
                input=invocation.data,
                folder="/jobs/here",
            )
        )
        return replace(job, notices=self.notices)

    def send(self, endpoint: str, body: bytes, deployment: str | None = None) -> Response:
        self.endpoint(endpoint)
        self.requests.append((endpoint, body, deployment))
        return self.response

    def serve(
        self,
        endpoint: str,
        serving: Serving,
        ready: Callable[[str], object],
        log: Callable[[str], object],
    ) -> None:
        self.served.append((endpoint, serving))
        log("key: /home/key")
        ready(f"http://{serving.host}:{serving.port}/score")

    def train(self, request: TrainingRequest) -> Job:
        self.trainings.append(request)
        name = f"job-{len(self._jobs) + 1}"
        return self.add(Job(name, "command", JobStatus.RUNNING, CREATED, model=request.model))

    def show_runs(self, host: str, port: int, ready: Callable[[str], object]) -> None:
        ready(f"http://{host}:{port}")

    def jobs(self, limit: int | None = None, type: JobType | None = None) -> list[Job]:  # noqa: A002
        known = [job for job in self._jobs.values() if type in (None, job.type)]
        return list(reversed(known))[:limit]

    def job(self, name: str | None = None) -> Job:
        if not self._jobs:
            raise NotFound("there are no jobs yet")
        if name is None:
            return self.jobs()[0]
        if name not in self._jobs:
            raise NotFound(f"no job {name!r}")
        return self._jobs[name]

    def follow(self, name: str, logs: bool = True) -> Iterator[Progress | LogLine]:
        for event in self.events:
            if logs or isinstance(event, Progress):
                yield event
        self.on_follow()
        while self.endless and not self.job(name).status.final:
            time.sleep(0.01)
        if not self.job(name).status.final:
            self.add(replace(self.job(name), status=self.ending, error=self.error))

    def profile(self, name: str) -> Profile:
        self.job(name)
        if name not in self.profiles:
            raise EnvironmentRefused(f"job {name!r} left no profile")
        return self.profiles[name]

    def summary(self, name: str) -> Summary:
        job = self.job(name)
        return Summary(
            job.name,
            str(job.status),
            rows=400,
            files=4,
            failed_files=self.failed_files,
            mini_batches=4,
            retries=self.retries,
            seconds=2.0,
            rows_per_second=200.0,
            predictions=self.predictions,
            output="/jobs/here/predictions.csv",
            report="/jobs/here/report.html",
            notices=self.summary_notices,
        )

    def collect(self, name: str) -> Summary:
        self.collected.append(name)
        return self.summary(name)

    def cancel(self, name: str) -> Job:
        job = self.job(name)
        if job.status.final:
            raise EnvironmentRefused(f"job {name!r} is {job.status} already")
        while self.deaf:
            time.sleep(0.01)
        return self.add(replace(job, status=JobStatus.CANCELED))

    def resume(self, name: str) -> Job:
        self.resumed.append(name)
        return self.add(replace(self.job(name), status=JobStatus.RUNNING))

    def remove_jobs(self, names: Sequence[str], *, pretend: bool = False) -> int:
        for job in map(self.job, names):
            if not job.status.final:
                raise EnvironmentRefused(f"job {job.name!r} is {job.status}")
        for name in () if pretend else names:
            del self._jobs[name]
        return 1000 * len(names)

    def download_job(self, name: str, target: Path) -> Path:
        self.downloads.append((name, target))
        return target

    def run(self, name: str) -> Run | None:
        return self.runs.get(self.job(name).name)

    def model_address(self, name: str) -> str:
        if self.job(name).name not in self.models_of_jobs:
            raise NotFound(f"job {name!r} made no model")
        return self.models_of_jobs[name]

    def add(self, job: Job) -> Job:
        self._jobs[job.name] = job
        return job
