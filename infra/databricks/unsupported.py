"""The keys of declarations and stack files for which Databricks has nothing.

Each is said plainly before anything is declared. A declaration serves every environment, so its
keys may mean nothing here; what a stack file says is meant for this one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from infra.databricks.packages import unknown_packages
from infra.environment import written_environment
from infra.pins import Deployment
from infra.problem_at import ProblemAt, deployment_problem
from runner.declarations import (
    AssetReference,
    BatchDeployment,
    BatchEndpoint,
    Catalog,
    OnlineEndpoint,
    Problem,
)
from runner.declarations.catalog import ENDPOINTS, undeclared
from runner.declarations.document import MappingNode
from runner.declarations.names import UNITY_NAME_RULE, is_unity_name
from runner.declarations.scheduling import key_of

BATCH_ENDPOINT = ("defaults", "description", "input", "tags")
ONLINE_ENDPOINT = ("description", "tags", "traffic")
BATCH_DEPLOYMENT = (
    *("compute", "description", "environment", "model", "resources", "settings", "tags"),
)
ONLINE_DEPLOYMENT = (
    *("description", "environment_variables", "instance_count", "instance_type", "model", "tags"),
)


def stack_problems(catalog: Catalog, stack: Path) -> list[Problem]:
    """List the keys under `scoring:endpoints` that mean nothing on Databricks."""
    problems: list[Problem] = []
    for name, endpoint in sorted(_endpoints(catalog).items()):
        batch = isinstance(endpoint, BatchEndpoint)
        key = f"{ENDPOINTS}.{name}"
        own: Sequence[str] = BATCH_ENDPOINT if batch else ONLINE_ENDPOINT
        problems += _meaningless(endpoint.source, stack, key, own)
        problems += _schedules(catalog, name)
        for deployment in _deployments(catalog, name).values():
            where = f"{key}.deployments.{deployment.name}"
            known: Sequence[str] = BATCH_DEPLOYMENT if batch else ONLINE_DEPLOYMENT
            problems += _meaningless(deployment.source, stack, where, known)
    return problems


def pinned_problems(catalog: Catalog, stack: Path, clusters: Mapping[str, object]) -> list[Problem]:
    """List what keeps the deployments that the stack asks for from running on Databricks."""
    problems: list[Problem] = []
    for _, pipelines in sorted(catalog.pipeline_deployments.items()):
        for _, pipeline in sorted(pipelines.items()):
            if pipeline.pinned:
                text = "is a pipeline's of Azure ML, allowed on Databricks: a model"
                problems.append(deployment_problem(stack, pipeline)(text, "component"))
    for name, endpoint in sorted(_endpoints(catalog).items()):
        deployments = {
            at: deployment
            for at, deployment in _deployments(catalog, name).items()
            if _is_asked_for(deployment)
        }
        for deployment in deployments.values():
            problem = deployment_problem(stack, deployment)
            problems += _model_problems(deployment, problem)
            if isinstance(deployment, BatchDeployment):
                problems += _code_problems(deployment, stack, problem)
                problems += _compute_problems(deployment, clusters, problem)
                problems += _environment_problems(deployment, catalog, problem)
            else:
                problems += _serving_problems(deployment, problem)
        if isinstance(endpoint, OnlineEndpoint) and deployments:
            problem = ProblemAt(stack, endpoint, f"{ENDPOINTS}.{name}")
            problems += _traffic_problems(endpoint, deployments, problem)
    return list(dict.fromkeys(problems))  # what is declared once may be deployed more than once


def _is_asked_for(deployment: Deployment) -> bool:
    """Tell whether its model is pinned, or a batch deployment's script scores without a model."""
    batch = isinstance(deployment, BatchDeployment)
    return deployment.pinned or (batch and deployment.model is None)


def _endpoints(catalog: Catalog) -> Mapping[str, BatchEndpoint | OnlineEndpoint]:
    return {**catalog.batch_endpoints, **catalog.online_endpoints}


def _deployments(catalog: Catalog, endpoint: str) -> Mapping[str, Deployment]:
    found: dict[str, Deployment] = {
        **catalog.batch_deployments.get(endpoint, {}),
        **catalog.online_deployments.get(endpoint, {}),
    }
    return dict(sorted(found.items()))


def _schedules(catalog: Catalog, endpoint: str) -> Iterator[Problem]:
    for schedule in catalog.schedules.get(endpoint, {}).values():
        text = (
            "means nothing on Databricks, whose jobs are given a request by the runner, allowed: a"
            " timer that calls `runner score`, as docs/guides/schedules.md has it"
        )
        yield Problem(schedule.source.place, key_of(endpoint, schedule), text)


def _meaningless(
    source: MappingNode, stack: Path, prefix: str, known: Sequence[str]
) -> Iterator[Problem]:
    for key, place in source.key_places.items():
        if place.file == stack and key not in known:
            text = f"means nothing on Databricks, allowed: {', '.join(known)}"
            yield Problem(place, f"{prefix}.{key}", text)


def _model_problems(deployment: Deployment, problem: ProblemAt) -> Iterator[Problem]:
    model = deployment.model
    if not isinstance(model, AssetReference):
        return
    if model.registry or model.workspace:
        yield problem(f"found {str(model)!r}, allowed: azureml:<name>:<version>", "model")
    elif not is_unity_name(model.name):
        yield problem(f"found the model {model.name!r}, allowed: {UNITY_NAME_RULE}", "model")
    elif not _is_number(model.version):
        text = f"found the version {model.version!r}, allowed: a number, as Unity Catalog counts"
        yield problem(text, "model")


def _is_number(version: str | None) -> bool:
    return version is not None and version.isascii() and version.isdigit() and version[0] != "0"


def _code_problems(
    deployment: BatchDeployment, stack: Path, problem: ProblemAt
) -> Iterator[Problem]:
    """Yield a problem where the code of a script lies where the runner can't send it from."""
    configuration = deployment.code_configuration
    if configuration is None or isinstance(configuration.code, Path):
        return
    text = f"found {configuration.code!r}, allowed on Databricks: a folder on this machine"
    found = problem(text, "code_configuration", "code")
    if found.place.file != stack:  # there it means nothing at all, which is told already
        yield found


def _serving_problems(deployment: Deployment, problem: ProblemAt) -> Iterator[Problem]:
    if deployment.code_configuration is not None:
        text = "a scoring script is not served on Databricks, allowed: an MLflow model alone"
        yield problem(text, "code_configuration")
    if deployment.environment is not None:
        text = "means nothing on Databricks, which serves a model with the packages it was logged"
        yield problem(text + " with, allowed: no such key", "environment")


def _compute_problems(
    deployment: BatchDeployment, clusters: Mapping[str, object], problem: ProblemAt
) -> Iterator[Problem]:
    if deployment.compute in clusters or len(clusters) == 1:
        return
    if deployment.compute is None or not clusters:
        text = "has no cluster to run on, allowed: the name of one of scoring:clusters"
        yield problem(text, *(["compute"] if deployment.compute else []))
        return
    yield undeclared(*problem.where("compute"), "cluster", deployment.compute, clusters)


def _environment_problems(
    deployment: BatchDeployment, catalog: Catalog, problem: ProblemAt
) -> Iterator[Problem]:
    if deployment.environment is None:
        return
    environment = written_environment(deployment, catalog)
    if environment is None:
        text = f"found {str(deployment.environment)!r}, allowed: one that is written in full"
        yield problem(f"{text} under models/", "environment")
    elif environment.build is not None:
        text = "an image is not built on Databricks, allowed: a conda_file with packages of pip"
        yield problem(text, "environment")
    else:
        for package in unknown_packages(environment):
            text = f"found {package!r}, allowed on Databricks: packages of pip"
            yield problem(text, "environment")


def _traffic_problems(
    endpoint: OnlineEndpoint, deployments: Mapping[str, Deployment], problem: ProblemAt
) -> Iterator[Problem]:
    if any(endpoint.mirror_traffic.values()):
        yield problem("Databricks mirrors no traffic, allowed: no such key", "mirror_traffic")
    if len(deployments) > 1 and not any(endpoint.traffic.values()):
        text = "says nothing, allowed on Databricks: percentages that make 100"
        yield problem(text, "traffic")
