"""The local workspace: models, data, endpoints and jobs of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from runner.assets.content import Content, counted
from runner.assets.kinds import ASSET_KINDS
from runner.errors import NotFound
from runner.jobs.folder import job_folder
from runner.jobs.kinds import JobType
from runner.local import jobs
from runner.local.abilities import ABILITIES
from runner.local.files import contents, copy_out
from runner.nearest import nearest
from runner.project import LOCAL, Project, read_environment_catalog
from runner.venvs.interpreter import EnvManager
from runner.workspace import (
    Asset,
    AssetKind,
    EndpointInfo,
    Invocation,
    Job,
    LogLine,
    OnProgress,
    Progress,
    Registration,
    Response,
    Run,
    Serving,
    Summary,
    TrainingRequest,
    Transfer,
)
from runner.workspace.assets import refuse_sharing

if TYPE_CHECKING:
    from runner.declarations import Catalog
    from runner.local.interpreters import Interpreters
    from runner.profile.profile import Profile


class LocalWorkspace:
    """Implements `runner.workspace.Workspace` over a folder and the project's declarations."""

    environment = LOCAL
    abilities = ABILITIES

    def __init__(self, project: Project) -> None:
        self.on_transfer: OnProgress = lambda _: None
        self.on_notice: Callable[[str], None] = lambda _: None
        self.on_step: Callable[[str], None] = lambda _: None
        self.env_manager: EnvManager | None = None
        self._project = project
        self._home = project.home
        self._keeps_open = False

    @cached_property
    def _catalog(self) -> Catalog:
        return read_environment_catalog(self._project, LOCAL)

    def _interpreters(self) -> Interpreters:
        from runner.local.interpreters import Interpreters, asked_manager

        manager = asked_manager(self.env_manager, self._catalog)
        return Interpreters(self._home, self._catalog.environments, manager, self.on_step)

    def register(self, kind: AssetKind, registration: Registration) -> Asset:
        from runner.local import assets

        asset = assets.register(
            self._home, kind, registration, self.on_transfer, self._project_name
        )
        if unused := assets.unused_keys(registration):
            self.on_notice(
                f"{ASSET_KINDS[kind].noun} {asset.name!r} is registered without what means nothing"
                f" on this machine: {', '.join(unused)}"
            )
        return asset

    def assets(self, kind: AssetKind, name: str | None = None) -> list[Asset]:
        from runner.local import assets

        return assets.listing(self._home, kind, name)

    def asset(self, kind: AssetKind, reference: str) -> Asset:
        from runner.local import assets

        return assets.find(
            self._home,
            kind,
            reference,
            self._project_name,
            lambda name: name in (self._catalog.models if kind == "model" else self._catalog.data),
        )

    @property
    def _project_name(self) -> str:
        """Return the name of this project among those of the same workspace: its root.

        The project that holds the workspace is `.`, so that both may be moved together.
        """
        root = self._project.root.resolve()
        return "." if self._home.resolve().is_relative_to(root) else str(root)

    def download_asset(self, kind: AssetKind, reference: str, target: Path) -> Path:
        return copy_out(self._home, self.asset(kind, reference).content_hash, target)

    def contents(self, kind: AssetKind, reference: str) -> Content:
        return contents(self._home, self.asset(kind, reference).content_hash)

    def receive(self, asset: Asset, content: Content) -> Asset:
        from runner.local import assets

        def on_progress(done: int) -> None:
            self.on_transfer(Transfer("downloading", asset.reference, done, content.size))

        return assets.receive(self._home, asset, counted(content, on_progress))

    def share(self, reference: str, registry: str) -> Asset:
        raise refuse_sharing(self.environment, registry)

    def register_code(self, name: str, folder: Path) -> None:
        return None

    def endpoints(self) -> list[EndpointInfo]:
        from runner.local.endpoints import describe

        return describe(self._catalog)

    def endpoint(self, name: str) -> EndpointInfo:
        known = {endpoint.name: endpoint for endpoint in self.endpoints()}
        if name not in known:
            raise NotFound(f"no endpoint {name!r}{nearest(name, known)}")
        return known[name]

    def default_endpoint(self) -> str | None:
        from runner.invocation.request import default_endpoint
        from runner.local.endpoints import DeclaredEndpoints

        return default_endpoint(DeclaredEndpoints(self._catalog))

    def invoke(self, invocation: Invocation) -> Job:
        from runner.invocation.request import resolve
        from runner.local.database import keep_open
        from runner.local.endpoints import DeclaredEndpoints
        from runner.local.invocation import invoke

        request = resolve(invocation, self._catalog, DeclaredEndpoints(self._catalog))
        if not self._keeps_open:
            keep_open(self._home, self)
            self._keeps_open = True
        begin = invoke
        if request.pipeline is not None:
            from runner.local.pipeline import begin_pipeline as begin
        return begin(self._home, self._catalog, request, invocation, self, self._interpreters())

    def send(self, endpoint: str, body: bytes, deployment: str | None = None) -> Response:
        from runner.local.online import send

        return send(
            self._home, self._catalog, self, endpoint, body, deployment, self._interpreters()
        )

    def serve(
        self,
        endpoint: str,
        serving: Serving,
        ready: Callable[[str], object],
        log: Callable[[str], object],
    ) -> None:
        """Serve an online endpoint here until SIGINT or SIGTERM; see `runner.local.online`."""
        from runner.local.online import serve

        serve(
            self._home,
            self._catalog,
            self,
            endpoint,
            serving,
            ready,
            log,
            self._interpreters(),
        )

    def train(self, request: TrainingRequest) -> Job:
        from runner.local.training import train

        return train(
            self._home, self._catalog, request, self, self._interpreters(), self._project_name
        )

    def show_runs(self, host: str, port: int, ready: Callable[[str], object]) -> None:
        from runner.local.tracking.ui import show_runs

        show_runs(self._home, host, port, ready)

    def jobs(self, limit: int | None = None, type: JobType | None = None) -> list[Job]:  # noqa: A002
        return jobs.list_jobs(self._home, limit, type)

    def job(self, name: str | None = None) -> Job:
        return jobs.show_job(self._home, name)

    def follow(self, name: str, logs: bool = True) -> Iterator[Progress | LogLine]:
        from runner.local.watch import watch

        self.job(name)
        return watch(job_folder(self._home, name), lambda: self.job(name), logs)

    def summary(self, name: str) -> Summary:
        from runner.jobs.summary import read_summary

        job = self.job(name)
        summary = read_summary(job_folder(self._home, name))
        if summary is None:
            raise NotFound(f"job {name!r} has no summary: it is {job.status}")
        return summary

    def collect(self, name: str) -> Summary:
        return self.summary(name)

    def profile(self, name: str) -> Profile:
        from runner.jobs.profile import job_profile
        from runner.jobs.summary import read_summary

        folder = job_folder(self._home, self.job(name).name)
        summary = read_summary(folder)
        return job_profile(folder, name, summary.output if summary else None)

    def cancel(self, name: str) -> Job:
        return jobs.cancel_job(self._home, name)

    def resume(self, name: str) -> Job:
        from runner.local.secret_values import find_secret_values

        def find(job: Job) -> Mapping[str, str]:
            return find_secret_values(self._home, lambda: self._catalog, job)

        return jobs.resume_job(self._home, name, self.on_step, find)

    def remove_jobs(self, names: Sequence[str], *, pretend: bool = False) -> int:
        from runner.local.removal import remove_jobs

        return remove_jobs(self._home, [self.job(name) for name in names], pretend)

    def download_job(self, name: str, target: Path) -> Path:
        from runner.local.download import download
        from runner.local.tracking.artifacts import logged_files

        job, logged = self.job(name), logged_files(self._home, name)
        return download(job, job_folder(self._home, name), target, logged)

    def run(self, name: str) -> Run | None:
        from runner.local.tracking.record import tracked_run

        return tracked_run(self._home, self.job(name).name)

    def model_address(self, name: str) -> str:
        from runner.local.addresses import check_ended
        from runner.local.tracking.artifacts import model_address

        check_ended(self.job(name))
        return model_address(self._home, name)
