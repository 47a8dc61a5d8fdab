"""A workspace of Azure Databricks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn

from runner.catalogs import read_environment_catalog
from runner.databricks.abilities import ABILITIES
from runner.databricks.connection import Connection
from runner.errors import EnvironmentRefused
from runner.job_kinds import JobType
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
    Transfer,
)

if TYPE_CHECKING:
    from pathlib import Path

    from runner.content import Content
    from runner.databricks.outputs import Outputs
    from runner.declarations import Catalog
    from runner.project import Project


class DatabricksWorkspace:
    """Implements `runner.workspace.Workspace` over the workspace's REST interface.

    Each method belongs to a module of this package, which is imported when it is called.
    """

    abilities = ABILITIES

    def __init__(self, project: Project, environment: str, outputs: Outputs) -> None:
        self.environment = environment
        self.on_transfer: Callable[[Transfer], None] = lambda _: None
        self.on_notice: Callable[[str], None] = lambda _: None
        self._project = project
        self._home = project.home / environment  # what is fetched of its jobs
        self._connection = Connection(outputs)

    @cached_property
    def _catalog(self) -> Catalog:
        """The declarations as this environment has them."""
        # A workspace that others deploy to is of use without declarations, too.
        return read_environment_catalog(self._project, self.environment, may_be_missing=True)

    # Models and data

    def register(self, kind: AssetKind, registration: Registration) -> Asset:
        self._not_yet()

    def assets(self, kind: AssetKind, name: str | None = None) -> list[Asset]:
        self._not_yet()

    def asset(self, kind: AssetKind, reference: str) -> Asset:
        self._not_yet()

    def download_asset(self, kind: AssetKind, reference: str, target: Path) -> Path:
        self._not_yet()

    def contents(self, kind: AssetKind, reference: str) -> Content:
        self._not_yet()

    def receive(self, asset: Asset, content: Content) -> Asset:
        self._not_yet()

    def share(self, reference: str, registry: str) -> Asset:
        from runner.workspace.assets import refuse_sharing

        raise refuse_sharing(self.environment, registry)

    def register_code(self, name: str, folder: Path) -> str | None:
        self._not_yet()

    # Endpoints

    def endpoints(self) -> list[EndpointInfo]:
        self._not_yet()

    def endpoint(self, name: str) -> EndpointInfo:
        self._not_yet()

    def default_endpoint(self) -> str | None:
        self._not_yet()

    def send(self, endpoint: str, body: bytes, deployment: str | None = None) -> Response:
        self._not_yet()

    def serve(
        self,
        endpoint: str,
        host: str,
        port: int,
        ready: Callable[[str], object],
        say: Callable[[str], object],
        verbose: bool = False,
    ) -> None:
        from runner.workspace.endpoints import refuse_serving

        raise refuse_serving(self.environment, endpoint)

    # Jobs, training and what they tracked

    def invoke(self, invocation: Invocation) -> Job:
        self._not_yet()

    def train(self, request: TrainingRequest) -> Job:
        self._not_yet()

    def show_runs(self, host: str, port: int, ready: Callable[[str], object]) -> None:
        self._not_yet()

    def jobs(self, limit: int | None = None, type: JobType | None = None) -> list[Job]:  # noqa: A002
        self._not_yet()

    def job(self, name: str | None = None) -> Job:
        self._not_yet()

    def follow(self, name: str, logs: bool = True) -> Iterator[Progress | LogLine]:
        self._not_yet()

    def summary(self, name: str) -> Summary:
        self._not_yet()

    def collect(self, name: str) -> Summary:
        self._not_yet()

    def cancel(self, name: str) -> Job:
        self._not_yet()

    def resume(self, name: str) -> Job:
        self._not_yet()

    def remove_jobs(self, names: Sequence[str], *, pretend: bool = False) -> int:
        self._not_yet()

    def download_job(self, name: str, target: Path) -> Path:
        self._not_yet()

    def run(self, name: str) -> Run | None:
        self._not_yet()

    def model_address(self, name: str) -> str:
        self._not_yet()

    def _not_yet(self) -> NoReturn:
        raise EnvironmentRefused(f"environment {self.environment} is on Databricks, too young yet")
