"""Batch endpoints: a job for each deployment that is pinned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_databricks as databricks

from infra.databricks.clusters import cluster_args
from infra.databricks.foundation import Platform
from infra.databricks.packages import pypi_packages
from infra.databricks.permissions import declare_permissions
from infra.databricks.settings import Settings
from infra.environment import written_environment
from infra.pins import default_deployment, pinned
from runner import __version__
from runner.declarations import AssetReference, BatchDeployment

PACKAGE = "batch_scoring_runner"
CLUSTER = TASK = "score"
# More runs than these at a time wait in the job's queue, as jobs of a batch endpoint on Azure do.
RUNS = 4
SECONDS = 24 * 60 * 60  # the longest that a run may take


@dataclass(frozen=True)
class BatchJob:
    """The job of one deployment, and the model that it scores with unless a run says another."""

    resource: databricks.Job
    model: str | None  # None where a script scores without any


@dataclass(frozen=True)
class BatchEndpoint:
    """A batch endpoint that has at least one job."""

    name: str
    jobs: Mapping[str, BatchJob]  # by deployment
    default: str | None


def wheel_path(platform: Platform) -> pulumi.Output[str]:
    """Return the path where the runner puts its own wheel for the jobs, by its version."""
    file = f"{PACKAGE}-{__version__}-py3-none-any.whl"
    return pulumi.Output.concat(platform.unity.volume.volume_path, "/wheels/", file)


def declare_batch_endpoints(settings: Settings, platform: Platform) -> list[BatchEndpoint]:
    """Declare a job for every pinned deployment; an endpoint without any has nothing there."""
    catalog = settings.catalog
    return [
        BatchEndpoint(
            name,
            {
                at: _declare(deployment, settings, platform)
                for at, deployment in deployments.items()
            },
            default_deployment(catalog, name),
        )
        for name in sorted(catalog.batch_endpoints)
        if (deployments := pinned(catalog.batch_deployments.get(name, {})))
    ]


def _declare(declared: BatchDeployment, settings: Settings, platform: Platform) -> BatchJob:
    name = f"{declared.endpoint_name}-{declared.name}"
    model = _model(declared, settings)
    job = databricks.Job(
        name,
        name=name,
        description=declared.description or None,
        parameters=[
            databricks.JobParameterArgs(name="request", default=""),
            databricks.JobParameterArgs(name="model", default=model or ""),
        ],
        job_clusters=[
            databricks.JobJobClusterArgs(
                job_cluster_key=CLUSTER, new_cluster=_new_cluster(declared, settings)
            )
        ],
        tasks=[
            databricks.JobTaskArgs(
                task_key=TASK,
                job_cluster_key=CLUSTER,
                python_wheel_task=databricks.JobTaskPythonWheelTaskArgs(
                    package_name=PACKAGE,
                    entry_point="score",
                    parameters=["{{job.parameters.request}}", "{{job.parameters.model}}"],
                ),
                libraries=_libraries(declared, settings, platform),
            )
        ],
        max_concurrent_runs=RUNS,
        queue=databricks.JobQueueArgs(enabled=True),
        timeout_seconds=SECONDS,
        tags=settings.lasting_tags_with(declared.tags),
        opts=pulumi.ResourceOptions(provider=platform.provider),
    )
    declare_permissions(f"job-{name}", settings, platform.provider, "CAN_MANAGE_RUN", job_id=job.id)
    return BatchJob(job, model)


def _model(declared: BatchDeployment, settings: Settings) -> str | None:
    """Return the address by which MLflow finds a deployment's model in Unity Catalog."""
    if declared.model is None:
        return None
    assert isinstance(declared.model, AssetReference)
    return f"models:/{settings.model_name(declared.model)}/{declared.model.version}"


def _new_cluster(
    declared: BatchDeployment, settings: Settings
) -> databricks.JobJobClusterNewClusterArgs:
    """Return the job's own cluster: that of `compute`, with the deployment's size and variables."""
    cluster, needs = settings.cluster_of(declared.compute), declared.resources
    args = cluster_args(cluster, settings, needs.instance_count, needs.instance_type)
    variables = {**cluster.spark_env_vars, **declared.settings.environment_variables}
    return databricks.JobJobClusterNewClusterArgs(**{**args, "spark_env_vars": variables or None})


def _libraries(
    declared: BatchDeployment, settings: Settings, platform: Platform
) -> list[databricks.JobTaskLibraryArgs]:
    environment = written_environment(declared, settings.catalog)
    code = settings.code.get((declared.endpoint_name, declared.name))
    packages = pypi_packages(environment, code) if environment else []
    return [
        databricks.JobTaskLibraryArgs(whl=wheel_path(platform)),
        *(
            databricks.JobTaskLibraryArgs(pypi=databricks.JobTaskLibraryPypiArgs(package=package))
            for package in packages
        ),
    ]
