"""The declared endpoints, as the local workspace sees them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from runner.declarations import (
    AssetReference,
    BatchDeployment,
    Catalog,
    OnlineDeployment,
    PipelineDeployment,
)
from runner.errors import NotFound
from runner.invocation.request import Deployments
from runner.nearest import nearest
from runner.workspace import DeploymentInfo, EndpointInfo


def describe(catalog: Catalog) -> list[EndpointInfo]:
    """Return every declared endpoint with its deployments, by name."""
    found = [
        EndpointInfo(
            name=endpoint.name,
            kind="batch",
            deployments=(
                *_deployments(
                    catalog.batch_deployments.get(endpoint.name, {}).values(),
                    default=endpoint.defaults.deployment_name,
                ),
                *_pipelines(
                    catalog.pipeline_deployments.get(endpoint.name, {}).values(),
                    endpoint.defaults.deployment_name,
                ),
            ),
            default=endpoint.defaults.deployment_name,
            description=endpoint.description,
        )
        for endpoint in catalog.batch_endpoints.values()
    ]
    found += [
        EndpointInfo(
            name=endpoint.name,
            kind="online",
            deployments=_deployments(
                catalog.online_deployments.get(endpoint.name, {}).values(), traffic=endpoint.traffic
            ),
            description=endpoint.description,
        )
        for endpoint in catalog.online_endpoints.values()
    ]
    return sorted(found, key=lambda endpoint: endpoint.name)


@dataclass(frozen=True)
class DeclaredEndpoints:
    """The declared batch endpoints; implements `runner.invocation.request.BatchEndpoints`."""

    catalog: Catalog
    default_place = "in the endpoint's YAML"

    @property
    def none_yet(self) -> str:
        return (
            f"no batch endpoint is declared under {self.catalog.folder};"
            " `runner init NAME --model FOLDER` declares one"
        )

    def first_deployment(self, endpoint: str) -> str:
        return "declare one in the folder of its model"

    def names(self) -> Collection[str]:
        return self.catalog.batch_endpoints.keys()

    def all_names(self) -> Collection[str]:
        return self.names()

    def chosen(self) -> str | None:
        return self.catalog.default_endpoint

    def is_online(self, name: str) -> bool:
        return name in self.catalog.online_endpoints

    def deployments(self, endpoint: str, asked: str | None) -> Deployments:
        declared = self.catalog.batch_endpoints.get(endpoint)
        if declared is None:
            raise NotFound(f"no batch endpoint {endpoint!r}{nearest(endpoint, self.names())}")
        return Deployments(self.catalog.batch_names(endpoint), declared.defaults.deployment_name)


def _deployments(
    declared: Iterable[BatchDeployment | OnlineDeployment],
    default: str | None = None,
    traffic: Mapping[str, int] | None = None,
) -> tuple[DeploymentInfo, ...]:
    return tuple(
        DeploymentInfo(
            name=deployment.name,
            endpoint=deployment.endpoint_name,
            model=str(deployment.model)
            if isinstance(deployment.model, AssetReference)
            else _path(deployment),
            driver=deployment.code_configuration.scoring_script
            if deployment.code_configuration
            else "mlflow",
            default=deployment.name == default,
            traffic=None if traffic is None else traffic.get(deployment.name, 0),
        )
        for deployment in declared
    )


def _pipelines(
    declared: Iterable[PipelineDeployment], default: str | None
) -> Iterable[DeploymentInfo]:
    for deployment in declared:
        yield DeploymentInfo(
            name=deployment.name,
            endpoint=deployment.endpoint_name,
            model=None,
            driver=f"pipeline {deployment.component}",
            default=deployment.name == default,
        )


def _path(deployment: BatchDeployment | OnlineDeployment) -> str | None:
    model = deployment.model
    return None if model is None or isinstance(model, AssetReference) else str(model.path)
