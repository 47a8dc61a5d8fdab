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
from runner.nearest import nearest
from runner.request import Deployments
from runner.workspace import DeploymentInfo, EndpointInfo


def describe(catalog: Catalog) -> list[EndpointInfo]:
    """Every declared endpoint with its deployments, by name."""
    found = [
        EndpointInfo(
            name=one.name,
            kind="batch",
            deployments=(
                *_deployments(
                    catalog.batch_deployments.get(one.name, {}).values(),
                    default=one.defaults.deployment_name,
                ),
                *_pipelines(
                    catalog.pipeline_deployments.get(one.name, {}).values(),
                    one.defaults.deployment_name,
                ),
            ),
            default=one.defaults.deployment_name,
            description=one.description,
        )
        for one in catalog.batch_endpoints.values()
    ]
    found += [
        EndpointInfo(
            name=one.name,
            kind="online",
            deployments=_deployments(
                catalog.online_deployments.get(one.name, {}).values(), traffic=one.traffic
            ),
            description=one.description,
        )
        for one in catalog.online_endpoints.values()
    ]
    return sorted(found, key=lambda one: one.name)


@dataclass(frozen=True)
class DeclaredEndpoints:
    """The declared batch endpoints; implements `runner.request.BatchEndpoints`."""

    catalog: Catalog
    default_place = "in the endpoint's YAML"

    @property
    def none_yet(self) -> str:
        return f"no batch endpoint is declared under {self.catalog.folder}"

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
            name=one.name,
            endpoint=one.endpoint_name,
            model=str(one.model) if isinstance(one.model, AssetReference) else _path(one),
            driver=one.code_configuration.scoring_script if one.code_configuration else "mlflow",
            default=one.name == default,
            traffic=None if traffic is None else traffic.get(one.name, 0),
        )
        for one in declared
    )


def _pipelines(
    declared: Iterable[PipelineDeployment], default: str | None
) -> Iterable[DeploymentInfo]:
    for one in declared:
        yield DeploymentInfo(
            name=one.name,
            endpoint=one.endpoint_name,
            model=None,
            driver=f"pipeline {one.component}",
            default=one.name == default,
        )


def _path(deployment: BatchDeployment | OnlineDeployment) -> str | None:
    model = deployment.model
    return None if model is None or isinstance(model, AssetReference) else str(model.path)
