"""The environments that pinned deployments are written with, and what names them in Azure."""

from __future__ import annotations

from dataclasses import dataclass

from infra.pins import Deployment, all_pinned
from runner.declarations import AssetReference, Catalog, Environment
from runner.declarations.environment_content import version_of


@dataclass(frozen=True)
class EnvironmentName:
    """The name and version of an environment, from its declaration or its content."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}-{self.version}"


def written_environment(deployment: Deployment, catalog: Catalog) -> Environment | None:
    """Return the environment in full, from the deployment or from its own file under models/."""
    source = deployment.environment
    if not isinstance(source, AssetReference):
        return source
    own = catalog.environments.get(source.name)
    if own is None or source.registry or source.workspace:
        return None
    same = own.version == source.version if own.version else source.label == "latest"
    return own if same else None


def installing(catalog: Catalog) -> list[str]:
    """Return the pinned deployments, as endpoint/deployment, whose image has packages to install.

    Those of an MLflow model without an environment, and those written with more than an image. The
    environment that a reference leads to is not known here.
    """
    pinned = all_pinned(catalog)
    return [
        f"{deployment.endpoint_name}/{deployment.name}"
        for deployment in pinned
        if _installs(deployment, catalog)
    ]


def _installs(deployment: Deployment, catalog: Catalog) -> bool:
    environment = written_environment(deployment, catalog)
    if environment is None:
        return deployment.environment is None
    return environment.conda_file is not None or environment.build is not None


def environment_name(environment: Environment, deployment: Deployment) -> EnvironmentName:
    """Name and version; the same content has the same version, whoever declares it."""
    name = environment.name or f"{deployment.endpoint_name}-{deployment.name}"
    return EnvironmentName(name, environment.version or version_of(environment))
