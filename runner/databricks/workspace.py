"""A workspace of Azure Databricks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from runner.databricks.abilities import ABILITIES
from runner.databricks.connection import Connection
from runner.jobs.kinds import JobType
from runner.remote.workspace import RemoteWorkspace
from runner.workspace import (
    Asset,
    AssetKind,
    EndpointInfo,
    Invocation,
    Job,
    LogLine,
    Progress,
    Registration,
    Response,
    Run,
    Summary,
    TrainingRequest,
)

if TYPE_CHECKING:
    from pathlib import Path

    from runner.assets.content import Content
    from runner.databricks.outputs import Outputs
    from runner.invocation.request import BatchEndpoints
    from runner.project import Project


class DatabricksWorkspace(RemoteWorkspace):
    """A workspace of Azure Databricks, asked over its REST interface.

    Each method belongs to a module of this package, which is imported when it is called.
    """

    abilities = ABILITIES

    def __init__(self, project: Project, environment: str, outputs: Outputs) -> None:
        super().__init__(project, environment)
        self._connection = Connection(outputs)

    # Models and data

    def register(self, kind: AssetKind, registration: Registration) -> Asset:
        from runner.databricks import data

        if kind == "data":
            return data.register(self._connection, registration, self.on_transfer)
        from runner.databricks.model_writing import register

        return register(
            self._connection,
            self._home,
            registration,
            self.on_transfer,
            self.run,
            self._declaration_of,
        )

    def assets(self, kind: AssetKind, name: str | None = None) -> list[Asset]:
        from runner.databricks import data, models

        listing = data.listing if kind == "data" else models.listing
        return listing(self._connection, name)

    def asset(self, kind: AssetKind, reference: str) -> Asset:
        from runner.databricks import data, models

        find = data.find if kind == "data" else models.find
        return find(self._connection, reference)

    def _contents(self, asset: Asset) -> Content:
        if asset.kind == "data":
            from runner.databricks.data import contents

            return contents(self._connection, asset)
        from runner.databricks.mlflow_client import fetched_content

        return fetched_content(self._connection, self._home, asset)

    def receive(self, asset: Asset, content: Content) -> Asset:
        if asset.kind == "data":
            from runner.databricks.data import receive

            return receive(self._connection, asset, content, self.on_transfer)
        from runner.databricks.model_writing import receive as receive_model

        return receive_model(self._connection, self._home, asset, content, self.on_transfer)

    def share(self, reference: str, registry: str) -> Asset:
        from runner.workspace.assets import refuse_sharing

        raise refuse_sharing(self.environment, registry)

    def register_code(self, name: str, folder: Path) -> None:
        """Return None: a job is sent the code of its deployment's script with each request."""

    def _declaration_of(self, model: str) -> str | None:
        """Return the file and line that declare a model's name; None where nothing does."""
        found = self._catalog.models.get(model)
        if found is None:
            return None
        return str(found.source.key_places.get("name") or found.source.place)

    # Endpoints

    def endpoints(self) -> list[EndpointInfo]:
        from runner.databricks.endpoints import list_endpoints

        return list_endpoints(self._connection, self._catalog)

    def endpoint(self, name: str) -> EndpointInfo:
        from runner.databricks.endpoints import show_endpoint

        return show_endpoint(self._connection, self._catalog, name)

    def _batch_endpoints(self, chosen: str | None) -> BatchEndpoints:
        from runner.databricks.endpoints import DeployedEndpoints

        return DeployedEndpoints(self._connection, chosen)

    def send(self, endpoint: str, body: bytes, deployment: str | None = None) -> Response:
        from runner.databricks.online import send

        return send(self._connection, endpoint, body, deployment)

    # Jobs, training and what they tracked

    def invoke(self, invocation: Invocation) -> Job:
        from runner.databricks.invocation import invoke

        return invoke(self._connection, self._catalog, invocation, self, self.on_transfer)

    def train(self, request: TrainingRequest) -> Job:
        from runner.databricks.training import train

        return train(self._connection, self._catalog, request, self, self.on_transfer)

    def show_runs(self, host: str, port: int, ready: Callable[[str], object]) -> None:
        from runner.databricks.tracked import runs_page

        ready(runs_page(self._connection))

    def jobs(self, limit: int | None = None, type: JobType | None = None) -> list[Job]:  # noqa: A002
        from runner.databricks.jobs import list_jobs

        return list_jobs(self._connection, limit, type)

    def job(self, name: str | None = None) -> Job:
        from runner.databricks.jobs import show_job

        return show_job(self._connection, name)

    def follow(self, name: str, logs: bool = True) -> Iterator[Progress | LogLine]:
        from runner.databricks.watch import watch

        return watch(self._connection, name, logs)

    def collect(self, name: str) -> Summary:
        from runner.databricks.results import collect

        return collect(self._connection, self._home, name, self.on_transfer)

    def cancel(self, name: str) -> Job:
        from runner.databricks.jobs import cancel_job

        return cancel_job(self._connection, name)

    def resume(self, name: str) -> Job:
        from runner.databricks.jobs import resume_job

        return resume_job(self._connection, self.environment, name)

    def remove_jobs(self, names: Sequence[str], *, pretend: bool = False) -> int:
        from runner.databricks.jobs import refuse_removal

        raise refuse_removal(self._connection, names)

    def download_job(self, name: str, target: Path) -> Path:
        from runner.databricks.results import download_job

        return download_job(self._connection, self._home, name, target, self.on_transfer)

    def run(self, name: str) -> Run | None:
        from runner.databricks.tracked import tracked_run

        return tracked_run(self._connection, name)

    def model_address(self, name: str) -> str:
        from runner.databricks.tracked import model_address

        return model_address(self._connection, name)
