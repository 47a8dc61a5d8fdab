"""The methods of a workspace that are the same on every platform in the cloud."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING

from runner.project import read_environment_catalog, stack_file

if TYPE_CHECKING:
    from pathlib import Path

    from runner.assets.content import Content
    from runner.declarations import Catalog
    from runner.invocation.request import BatchEndpoints
    from runner.profile.profile import Profile
    from runner.project import Project
    from runner.venvs.interpreter import EnvManager
    from runner.workspace import Asset, AssetKind, OnProgress, Serving, Summary


class RemoteWorkspace(ABC):
    """A workspace that a stack deploys to, and whose results are fetched to this machine.

    Each platform's workspace derives from it and adds what it asks the platform for.
    """

    def __init__(self, project: Project, environment: str) -> None:
        self.environment = environment
        self.on_transfer: OnProgress = lambda _: None
        self.on_notice: Callable[[str], None] = lambda _: None
        self.on_step: Callable[[str], None] = lambda _: None
        self.env_manager: EnvManager | None = None
        self._project = project
        self._home = project.home / environment  # holds what is fetched of its jobs

    @cached_property
    def _catalog(self) -> Catalog:
        """Return the declarations as this environment has them."""
        # A workspace that others deploy to is of use without declarations, too.
        return read_environment_catalog(self._project, self.environment, may_be_missing=True)

    @abstractmethod
    def asset(self, kind: AssetKind, reference: str) -> Asset: ...

    @abstractmethod
    def _contents(self, asset: Asset) -> Content:
        """Return the files of an asset, which are read only as they are asked for."""

    def contents(self, kind: AssetKind, reference: str) -> Content:
        return self._contents(self.asset(kind, reference))

    def download_asset(self, kind: AssetKind, reference: str, target: Path) -> Path:
        from runner.remote.assets import download_asset

        find = partial(self.asset, kind, reference)
        return download_asset(find, self._contents, target, self.on_transfer)

    @abstractmethod
    def _batch_endpoints(self, chosen: str | None) -> BatchEndpoints:
        """Return the batch endpoints; `chosen` is the default that the stack file names."""

    def default_endpoint(self) -> str | None:
        from runner.declarations import read_stack
        from runner.invocation.request import default_endpoint

        # The stack file alone is read, which can be done while declarations are being mended.
        stack = stack_file(self._project, self.environment)
        chosen = read_stack(stack).default_endpoint if stack else None
        return default_endpoint(self._batch_endpoints(chosen))

    def serve(
        self,
        endpoint: str,
        serving: Serving,
        ready: Callable[[str], object],
        log: Callable[[str], object],
    ) -> None:
        from runner.workspace.endpoints import refuse_serving

        raise refuse_serving(self.environment, endpoint)

    def summary(self, name: str) -> Summary:
        from runner.remote.results import fetched_summary

        return fetched_summary(self._home, name)

    @abstractmethod
    def collect(self, name: str) -> Summary: ...

    def profile(self, name: str) -> Profile:
        from runner.jobs.profile import predictions_profile

        return predictions_profile(name, self.collect(name).output)
