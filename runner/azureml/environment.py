"""Opens an environment on Azure Machine Learning, by a stack's output or a `config.json`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from runner.azureml.abilities import ABILITIES as ABILITIES
from runner.azureml.outputs import outputs_of, read_config
from runner.installing import check_packages
from runner.project import Source
from runner.stacks.output import read_source

if TYPE_CHECKING:
    from runner.azureml.outputs import Outputs
    from runner.health import Link
    from runner.project import Project
    from runner.stacks.adoption import Adoption
    from runner.workspace import Workspace

_PACKAGES = {
    "azure.ai": "azure-ai-ml",  # looking for `.ml` would import its parent, and so below
    "azure.core": "azure-core",
    "azure.identity": "azure-identity",
    "azure.storage": "azure-storage-blob",
}


def open_workspace(project: Project, environment: str, source: Source, /) -> Workspace:
    """Return the workspace of a source. Raises WrongUsage, NotFound, EnvironmentRefused."""
    _check_packages(environment)
    from runner.azureml.workspace import AzureWorkspace

    return AzureWorkspace(project, environment, read_address(project, environment, source))


def describe(
    project: Project, environment: str, source: Source, _workspace: Callable[[], Workspace], /
) -> dict[str, Any]:
    """Return the workspace's address and its endpoints' names. Raises as `read_address`."""
    outputs = read_address(project, environment, source)
    endpoints = outputs.endpoints or {}
    return {
        "cloud": outputs.cloud,
        "subscription_id": outputs.subscription_id,
        "resource_group": outputs.resource_group,
        "workspace": outputs.workspace,
        "location": outputs.location,
        "endpoints": {logical: endpoint.name for logical, endpoint in endpoints.items()},
    }


def examine(project: Project, environment: str, source: Source, _full: bool, /) -> Iterator[Link]:
    """Yield each link of the chain that leads to the workspace, as it is checked.

    Raises EnvironmentRefused where a package is missing; anything else that is wrong is a link
    that failed.
    """
    _check_packages(environment)
    from runner.azureml.health import examine

    assert source.file is not None
    read = partial(read_address, project, environment, source)
    return examine(source.kind, source.file, read)


def find_adoption(project: Project, environment: str) -> Adoption:
    """Find the resources of a running workspace that a stack takes over.

    Raises WrongUsage, EnvironmentRefused.
    """
    _check_packages(environment)
    from runner.azureml.adoption import find_adoption

    return find_adoption(project, environment)


def read_address(project: Project, environment: str, source: Source) -> Outputs:
    """Read the workspace's address. Raises WrongUsage, NotFound, EnvironmentRefused."""
    if source.kind == "config":
        assert source.file is not None
        return read_config(source.file)
    return outputs_of(read_source(project, environment, source))


def _check_packages(environment: str) -> None:
    check_packages(f"environment {environment} is on Azure", _PACKAGES, "azure")
