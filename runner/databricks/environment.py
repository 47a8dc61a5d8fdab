"""An environment on Azure Databricks, which a stack's output describes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from runner.databricks.abilities import ABILITIES as ABILITIES
from runner.databricks.outputs import outputs_of
from runner.installing import check_packages
from runner.project import Source
from runner.stacks.output import read_source

if TYPE_CHECKING:
    from runner.databricks.outputs import Outputs
    from runner.health import Link
    from runner.project import Project
    from runner.workspace import Workspace

_PACKAGES = {
    "azure.core": "azure-core",
    "azure.identity": "azure-identity",
    "mlflow": "mlflow-skinny",
    "pandas": "pandas",
}


def open_workspace(project: Project, environment: str, source: Source, /) -> Workspace:
    """Open a source's workspace. Raises WrongUsage, NotFound, EnvironmentRefused."""
    _check_packages(environment)
    from runner.databricks.workspace import DatabricksWorkspace

    return DatabricksWorkspace(project, environment, read_address(project, environment, source))


def describe(
    project: Project, environment: str, source: Source, _workspace: Callable[[], Workspace], /
) -> dict[str, Any]:
    """Return the workspace's address and the names of its endpoints. Raises as `read_address`."""
    outputs = read_address(project, environment, source)
    return {
        "cloud": outputs.cloud,
        "subscription_id": outputs.subscription_id,
        "resource_group": outputs.resource_group,
        "workspace": outputs.workspace,
        "location": outputs.location,
        "host": outputs.host,
        "models": outputs.model_name("NAME"),
        "volume": outputs.volume,
        "endpoints": {logical: endpoint.name for logical, endpoint in outputs.endpoints.items()},
    }


def examine(project: Project, environment: str, source: Source, _full: bool, /) -> Iterator[Link]:
    """Yield each link of the chain that leads to the workspace, as it is looked at.

    Raises EnvironmentRefused where a package is missing; all else that is wrong is a link that
    failed.
    """
    _check_packages(environment)
    from runner.databricks.health import examine

    assert source.file is not None
    return examine(source.kind, source.file, partial(read_address, project, environment, source))


def read_address(project: Project, environment: str, source: Source) -> Outputs:
    """Read where the workspace is. Raises WrongUsage, NotFound, EnvironmentRefused."""
    return outputs_of(read_source(project, environment, source))


def _check_packages(environment: str) -> None:
    check_packages(f"environment {environment} is on Databricks", _PACKAGES, "databricks")
