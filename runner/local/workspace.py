"""The local workspace: models, data, endpoints and jobs of this machine."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from runner.catalogs import read_environment_catalog
from runner.content import Content, counted
from runner.errors import EnvironmentRefused, NotFound
from runner.local import assets
from runner.local.database import opened, transaction
from runner.local.files import contents, copy_out, link_out
from runner.local.home import make_folder
from runner.local.job_folder import job_folder, model_folder, now, owner, starts
from runner.local.job_records import (
    insert_job,
    latest_job,
    select_job,
    select_jobs,
    update_job,
)
from runner.nearest import nearest
from runner.project import LOCAL, Project
from runner.workspace import (
    Abilities,
    Asset,
    AssetKind,
    EndpointInfo,
    Invocation,
    Job,
    JobStatus,
    LogLine,
    Progress,
    Registration,
    Response,
    Summary,
    Transfer,
)

if TYPE_CHECKING:
    from runner.declarations import Catalog

_STARTING = 30.0  # seconds a queued job's process may take to appear
_LOOK = 0.05  # seconds between looks at whether a canceled job has ended
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is easily taken for another
_RUNNING = (JobStatus.RUNNING, JobStatus.FINALIZING)


class LocalWorkspace:
    """Implements `runner.workspace.Workspace` over a folder and the project's declarations."""

    environment = LOCAL
    abilities = Abilities(serves=True, resumes=True, removes_jobs=True, begins_at_once=True)

    def __init__(self, project: Project) -> None:
        self.on_transfer: Callable[[Transfer], None] = lambda _: None
        self._project = project
        self._home = project.home

    @cached_property
    def _catalog(self) -> Catalog:
        return read_environment_catalog(self._project, LOCAL)

    def register(self, kind: AssetKind, registration: Registration) -> Asset:
        return assets.register(self._home, kind, registration)

    def assets(self, kind: AssetKind, name: str | None = None) -> list[Asset]:
        return assets.listing(self._home, kind, name)

    def asset(self, kind: AssetKind, reference: str) -> Asset:
        return assets.find(self._home, kind, reference)

    def download_asset(self, kind: AssetKind, reference: str, target: Path) -> Path:
        asset = assets.find(self._home, kind, reference)
        return copy_out(self._home, asset.content_hash, target)

    def contents(self, kind: AssetKind, reference: str) -> Content:
        asset = assets.find(self._home, kind, reference)
        return contents(self._home, asset.content_hash)

    def receive(self, asset: Asset, content: Content) -> Asset:
        def tell(done: int) -> None:
            self.on_transfer(Transfer("downloading", asset.reference, done, content.size))

        return assets.receive(self._home, asset, counted(content, tell))

    def register_code(self, name: str, folder: Path) -> None:
        return None

    def endpoints(self) -> list[EndpointInfo]:
        from runner.local.endpoints import describe

        return describe(self._catalog)

    def endpoint(self, name: str) -> EndpointInfo:
        known = {one.name: one for one in self.endpoints()}
        if name not in known:
            raise NotFound(f"no endpoint {name!r}{nearest(name, known)}")
        return known[name]

    def default_endpoint(self) -> str | None:
        from runner.local.endpoints import DeclaredEndpoints
        from runner.request import default_endpoint

        return default_endpoint(DeclaredEndpoints(self._catalog))

    def invoke(self, invocation: Invocation) -> Job:
        from runner.local.endpoints import DeclaredEndpoints
        from runner.local.engine.plan import write_plan
        from runner.local.invocation import check_output, plan_job
        from runner.request import resolve

        request = resolve(invocation, self._catalog, DeclaredEndpoints(self._catalog))
        output = check_output(invocation.output_path)
        name = _new_name(request.endpoint)
        plan, model, given, notices = plan_job(self._home, self._catalog, request, invocation, name)
        folder = make_folder(self._home, job_folder(self._home, name))
        write_plan(plan, folder / "plan.json")
        if model and plan.script:
            link_out(self._home, model.content_hash, model_folder(folder) / model.base_name)
        job = Job(
            name=name,
            type="batch",
            status=JobStatus.QUEUED,
            created_at=now(),
            endpoint=request.endpoint,
            deployment=request.deployment,
            model=model.reference if model else None,
            input=given,
            output=str(output) if output else None,
        )
        return replace(self._begin(job), notices=notices)

    def send(self, endpoint: str, body: bytes, deployment: str | None = None) -> Response:
        from runner.local.online import send

        return send(self._home, self._catalog, endpoint, body, deployment)

    def serve(
        self,
        endpoint: str,
        host: str,
        port: int,
        ready: Callable[[str], object],
        say: Callable[[str], object],
        verbose: bool = False,
    ) -> None:
        """Serve an online endpoint here until SIGINT or SIGTERM; see `runner.local.online`."""
        from runner.local.online import serve

        serve(self._home, self._catalog, endpoint, host, port, ready, say, verbose)

    def train(self, model: str, inputs: Mapping[str, str]) -> Job:
        from runner.local.command_job import write_command
        from runner.local.training import plan_training

        command = plan_training(self._home, self._catalog, model, inputs)
        name = _new_name(f"{model}-train")
        folder = make_folder(self._home, job_folder(self._home, name))
        write_command(command, folder)
        return self._begin(Job(name, "command", JobStatus.QUEUED, now(), model=model))

    def jobs(self, limit: int | None = None) -> list[Job]:
        with opened(self._home) as connection:
            return [self._as_it_is(job) for job in select_jobs(connection, limit)]

    def job(self, name: str | None = None) -> Job:
        with opened(self._home) as connection:
            job = select_job(connection, name) if name else latest_job(connection)
        if job is None:
            raise NotFound("there are no jobs yet; `runner score` makes one")
        return self._as_it_is(job)

    def follow(self, name: str, logs: bool = True) -> Iterator[Progress | LogLine]:
        from runner.local.following import follow

        self.job(name)
        return follow(job_folder(self._home, name), lambda: self.job(name), logs)

    def summary(self, name: str) -> Summary:
        from runner.local.batch_job import read_summary

        job = self.job(name)
        summary = read_summary(job_folder(self._home, name))
        if summary is None:
            raise NotFound(f"job {name!r} has no summary: it is {job.status}")
        return summary

    def collect(self, name: str) -> Summary:
        return self.summary(name)

    def cancel(self, name: str) -> Job:
        job = self.job(name)
        if job.status.final and job.status != JobStatus.NOT_RESPONDING:
            raise EnvironmentRefused(f"job {name!r} is {job.status} already")
        folder = job_folder(self._home, name)
        process = owner(folder)
        if process is None:
            with opened(self._home) as connection:
                update_job(connection, name, status=JobStatus.CANCELED, ended_at=now())
        else:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)
                os.kill(process, signal.SIGCONT)  # a stopped process hears nothing else
            while owner(folder) is not None:
                time.sleep(_LOOK)
        return self.job(name)

    def resume(self, name: str) -> Job:
        job = self.job(name)
        if job.status == JobStatus.COMPLETED:
            raise EnvironmentRefused(f"job {name!r} is Completed; there is nothing to resume")
        if owner(job_folder(self._home, name)) is not None:
            return job
        with opened(self._home) as connection:
            update_job(connection, name, status=JobStatus.QUEUED)
        return self._spawn(name)

    def remove_jobs(self, names: Sequence[str], *, pretend: bool = False) -> int:
        from runner.local.removal import remove_jobs

        return remove_jobs(self._home, [self.job(name) for name in names], pretend)

    def download_job(self, name: str, target: Path) -> Path:
        from runner.local.download import download

        job = self.job(name)
        return download(job, job_folder(self._home, name), target)

    def job_output(self, name: str, output: str) -> Path:
        job = self.job(name)
        path = job_folder(self._home, name) / "named-outputs" / output
        if job.type == "batch" and output == "score" and job.output:
            path = Path(job.output)
        if not path.exists():
            raise NotFound(f"job {name!r}, which is {job.status}, has no output {output!r}")
        return path

    def _begin(self, job: Job) -> Job:
        with opened(self._home) as connection:
            insert_job(connection, job)
        return self._spawn(job.name)

    def _spawn(self, name: str) -> Job:
        from runner.local.host import spawn

        folder = job_folder(self._home, name)
        begun = len(starts(folder))
        process = None
        try:
            process = spawn(self._home, name)
            # Until the host has begun, the job would still look as it was left.
            while len(starts(folder)) == begun and process.poll() is None:
                time.sleep(_LOOK / 5)
        except BaseException:
            # Who is interrupted here doesn't know the job's name yet.
            if process:
                process.terminate()
            self._give_up(name, JobStatus.CANCELED, "interrupted before it began")
            raise
        if len(starts(folder)) == begun and owner(folder) is None:
            error = f"could not be started; see {folder / 'logs' / 'host.txt'}"
            self._give_up(name, JobStatus.FAILED, error)
            raise EnvironmentRefused(f"job {name!r} {error}")
        return self.job(name)

    def _give_up(self, name: str, status: JobStatus, error: str) -> None:
        """End a job that no host has begun."""
        with opened(self._home) as connection, transaction(connection):
            if select_job(connection, name).status is JobStatus.QUEUED:
                update_job(connection, name, status=status, ended_at=now(), error=error)

    def _as_it_is(self, job: Job) -> Job:
        """The job with its folder, and with the state it is in if its process is gone."""
        folder = job_folder(self._home, job.name)
        unowned = job.status in _RUNNING or (job.status == JobStatus.QUEUED and _is_late(job))
        if unowned and owner(folder) is None:
            # It may have ended between the look at its row and the look at its lock.
            with opened(self._home) as connection:
                job = select_job(connection, job.name)
            if not job.status.final:
                error = f"its process is gone; `runner jobs resume {job.name}` goes on"
                job = replace(job, status=JobStatus.NOT_RESPONDING, error=error)
        there = job.status == JobStatus.COMPLETED
        return replace(job, folder=str(folder), output=job.output if there else None)


def _is_late(job: Job) -> bool:
    waited = datetime.fromisoformat(now()) - datetime.fromisoformat(job.created_at)
    return waited.total_seconds() > _STARTING


def _new_name(stem: str) -> str:
    import secrets

    return f"{stem}-{''.join(secrets.choice(_LETTERS) for _ in range(6))}"
