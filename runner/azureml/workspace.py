"""A workspace of Azure Machine Learning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from runner.azureml.abilities import ABILITIES
from runner.azureml.connection import Connection
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
    from runner.azureml.outputs import Outputs
    from runner.invocation.request import BatchEndpoints
    from runner.project import Project


class AzureWorkspace(RemoteWorkspace):
    """Implements `runner.workspace.Workspace` over Azure's own interfaces.

    Each method calls a function of another module of this package, which it imports.
    """

    abilities = ABILITIES

    def __init__(self, project: Project, environment: str, outputs: Outputs) -> None:
        super().__init__(project, environment)
        self._connection = Connection(outputs)

    def register(self, kind: AssetKind, registration: Registration) -> Asset:
        from runner.azureml.asset_writing import write_version_by_sdk
        from runner.azureml.assets import register

        return register(
            self._connection, kind, registration, self.on_transfer, self.run, write_version_by_sdk
        )

    def assets(self, kind: AssetKind, name: str | None = None) -> list[Asset]:
        from runner.azureml.registered import listing

        return listing(self._connection, kind, name)

    def asset(self, kind: AssetKind, reference: str) -> Asset:
        from runner.azureml.registered import find

        return find(self._connection, kind, reference)

    def _contents(self, asset: Asset) -> Content:
        from runner.azureml.assets import contents

        return contents(self._connection, asset)

    def receive(self, asset: Asset, content: Content) -> Asset:
        from runner.azureml.assets import receive

        return receive(self._connection, asset, content, self.on_transfer)

    def share(self, reference: str, registry: str) -> Asset:
        from runner.azureml.registries import share_model

        return share_model(self._connection, reference, registry)

    def register_code(self, name: str, folder: Path) -> str:
        from runner.azureml.codes import register_code

        return register_code(self._connection, name, folder, self.on_transfer)

    def endpoints(self) -> list[EndpointInfo]:
        from runner.azureml.endpoints import list_endpoints

        return list_endpoints(self._connection)

    def endpoint(self, name: str) -> EndpointInfo:
        from runner.azureml.endpoints import show_endpoint

        return show_endpoint(self._connection, name)

    def _batch_endpoints(self, chosen: str | None) -> BatchEndpoints:
        from runner.azureml.endpoints import DeployedEndpoints

        return DeployedEndpoints(self._connection, chosen)

    def invoke(self, invocation: Invocation) -> Job:
        from runner.azureml.inputs import InputAssets
        from runner.azureml.invocation import invoke

        assets = InputAssets(self._connection, self.on_transfer, self.run)
        return invoke(self._connection, self._catalog, invocation, assets)

    def send(self, endpoint: str, body: bytes, deployment: str | None = None) -> Response:
        from runner.azureml.online import send

        return send(self._connection, endpoint, body, deployment)

    def train(self, request: TrainingRequest) -> Job:
        from runner.azureml.training import train

        return train(self._connection, self._catalog, request, self, self.on_transfer)

    def show_runs(self, host: str, port: int, ready: Callable[[str], object]) -> None:
        from runner.azureml.runs import runs_page

        ready(runs_page(self._connection))

    def jobs(self, limit: int | None = None, type: JobType | None = None) -> list[Job]:  # noqa: A002
        from runner.azureml.jobs import list_jobs

        return list_jobs(self._connection, limit, type)

    def job(self, name: str | None = None) -> Job:
        from runner.azureml.jobs import show_job

        return show_job(self._connection, name)

    def follow(self, name: str, logs: bool = True) -> Iterator[Progress | LogLine]:
        from runner.azureml.watch import watch

        return watch(self._connection, name, logs)

    def collect(self, name: str) -> Summary:
        from runner.azureml.results import collect

        return collect(self._connection, self._home, name, self.on_transfer)

    def cancel(self, name: str) -> Job:
        from runner.azureml.jobs import cancel_job

        return cancel_job(self._connection, name)

    def resume(self, name: str) -> Job:
        from runner.azureml.jobs import refuse_resume

        raise refuse_resume(self._connection, self.environment, name)

    def remove_jobs(self, names: Sequence[str], *, pretend: bool = False) -> int:
        from runner.azureml.jobs import refuse_removal

        raise refuse_removal(self._connection, names)

    def download_job(self, name: str, target: Path) -> Path:
        from runner.azureml.results import download_job

        return download_job(self._connection, self._home, name, target, self.on_transfer)

    def run(self, name: str) -> Run | None:
        from runner.azureml.runs import tracked_run

        return tracked_run(self._connection, name)

    def model_address(self, name: str) -> str:
        from runner.azureml.runs import model_address

        return model_address(self._connection, name)
