"""The deployments that a stack pins, those that wait for a pin, and what is wrong with them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from infra.problem_at import ProblemAt, deployment_problem
from runner.declarations import (
    BatchDeployment,
    BatchEndpoint,
    Catalog,
    Environment,
    OnlineDeployment,
    OnlineEndpoint,
    PipelineDeployment,
    Problem,
    is_asset_name,
)
from runner.declarations.catalog import ENDPOINTS, undeclared
from runner.declarations.document import MappingNode
from runner.declarations.reader import refused
from runner.declarations.references import PREFIX

Deployment = BatchDeployment | OnlineDeployment
AnyDeployment = Deployment | PipelineDeployment
D = TypeVar("D", bound=AnyDeployment)


@dataclass(frozen=True)
class CodePin:
    """The code asset of a script deployment, as `azureml:<name>:<version>` in the stack file."""

    name: str
    version: str


@dataclass(frozen=True)
class Waiting:
    """A deployment that a stack leaves out, and what it lacks for it."""

    endpoint: str
    deployment: str
    missing: tuple[str, ...]  # model, code; component

    def __str__(self) -> str:
        return f"{self.endpoint}/{self.deployment} ({', '.join(self.missing)})"


def deployments_of(catalog: Catalog, endpoint: str) -> dict[str, AnyDeployment]:
    """Return all deployments of an endpoint by name, pinned or not."""
    return {
        **catalog.batch_deployments.get(endpoint, {}),
        **catalog.pipeline_deployments.get(endpoint, {}),
        **catalog.online_deployments.get(endpoint, {}),
    }


def code_pin(deployment: Deployment) -> CodePin | None:
    """Return the version of its code that a deployment is pinned to, if any."""
    code = deployment.code_configuration and deployment.code_configuration.code
    if not isinstance(code, str) or not code.startswith(PREFIX):
        return None
    name, _, version = code.removeprefix(PREFIX).partition(":")
    return CodePin(name, version) if is_asset_name(name) and is_asset_name(version) else None


def missing_pins(deployment: AnyDeployment) -> tuple[str, ...]:
    """Return what of a deployment has no exact version yet: its model, its code, both or nothing.

    A deployment that runs a pipeline has a component in their place.
    """
    if isinstance(deployment, PipelineDeployment):
        return () if deployment.pinned else ("component",)
    scripted = deployment.code_configuration is not None
    model = deployment.model is not None and not deployment.pinned
    code = scripted and code_pin(deployment) is None
    return (*(["model"] if model else []), *(["code"] if code else []))


def is_pinned(deployment: AnyDeployment) -> bool:
    """Return whether a stack deploys a deployment."""
    return not missing_pins(deployment)


def pinned(deployments: Mapping[str, D]) -> dict[str, D]:
    """Return those of an endpoint's deployments that a stack deploys."""
    return {name: deployment for name, deployment in deployments.items() if is_pinned(deployment)}


def all_pinned(catalog: Catalog) -> list[Deployment]:
    """Return all deployments of models that a stack deploys, batch first, each kind by name."""
    return [deployment for deployment in _deployments(catalog) if is_pinned(deployment)]


def default_deployment(catalog: Catalog, endpoint: str) -> str | None:
    """Return the default of a batch endpoint; None where there is none, or it waits for a pin."""
    name = catalog.batch_endpoints[endpoint].defaults.deployment_name
    return name if name in pinned(deployments_of(catalog, endpoint)) else None


def traffic(catalog: Catalog, endpoint: str, key: str = "traffic") -> dict[str, int]:
    """Return the traffic of an online endpoint in percent, or its `mirror_traffic`.

    Deployments that wait for a pin have no share, and Azure knows no name of theirs yet.
    """
    split: Mapping[str, int] = getattr(catalog.online_endpoints[endpoint], key)
    deployed = pinned(catalog.online_deployments.get(endpoint, {}))
    return {name: share for name, share in split.items() if name in deployed}


def waiting_for_pins(catalog: Catalog) -> tuple[Waiting, ...]:
    """Return the deployments that a stack leaves out, in the order of their names."""
    return tuple(
        Waiting(deployment.endpoint_name, deployment.name, missing)
        for deployment in (*_deployments(catalog), *_by_name(catalog.pipeline_deployments))
        if (missing := missing_pins(deployment))
    )


def pinning(catalog: Catalog, stack: str, waiting: Iterable[Waiting]) -> list[str]:
    """Return the runner's commands that register and pin what waits, one for each model.

    Of itself the runner pins the batch deployments of a model, and where some are pinned already
    only those: all others are named. A component is registered by the Azure CLI.
    """
    begun = {
        _model_name(deployment)
        for deployment in _by_name(catalog.batch_deployments)
        if "model" not in missing_pins(deployment)
    }
    commands: dict[str, str] = {}  # by what begins them
    for unpinned in waiting:
        deployment = deployments_of(catalog, unpinned.endpoint)[unpinned.deployment]
        if isinstance(deployment, PipelineDeployment):
            commands[str(unpinned)] = _component_command(catalog, stack, deployment)
            continue
        name = _model_name(deployment)
        unnamed = isinstance(deployment, BatchDeployment) and name not in begun
        begin = f"runner models register{_model_options(catalog, name)} --env {stack} --pin"
        key = begin if unnamed else f"{begin} --deployment"
        more = "" if unnamed else f" --deployment {unpinned.endpoint}/{unpinned.deployment}"
        commands[key] = commands.get(key, begin) + more
    return list(commands.values())


def _component_command(catalog: Catalog, stack: str, pipeline: PipelineDeployment) -> str:
    """Return the command that registers and pins the component of a pipeline."""
    pin = f"{ENDPOINTS}.{pipeline.endpoint_name}.deployments.{pipeline.name}.component"
    set_pin = f"pulumi config set --stack {stack} --path '{pin}' azureml:NAME:VERSION"
    if not isinstance(pipeline.component, Path):
        return set_pin
    root = catalog.folder.parent
    file = pipeline.component
    shown = file.relative_to(root).as_posix() if file.is_relative_to(root) else file
    where = "--resource-group GROUP --workspace-name WORKSPACE"
    return f"az ml component create --file {shown} {where} && {set_pin}"


def _model_name(deployment: Deployment) -> str | None:
    return deployment.model.name if deployment.model else None


def _model_options(catalog: Catalog, name: str | None) -> str:
    """Return the options that name the model to register; the only declared one needs none."""
    declared = catalog.models.get(name) if name else None
    if declared is None:
        return f" PATH --name {name or 'NAME'}"
    if len(catalog.models) == 1:
        return ""
    return f" --file {declared.file.relative_to(catalog.folder.parent).as_posix()}"


def unroutable(catalog: Catalog, stack: Path) -> list[Problem]:
    """Find defaults and traffic that lead to a deployment which is not there.

    A default or traffic that only a declaration under `models/` names may wait until something of
    its endpoint is pinned; one that the stack file names, or that the rest of the endpoint depends
    on, may not.
    """
    endpoints: list[BatchEndpoint | OnlineEndpoint] = [
        *catalog.batch_endpoints.values(),
        *catalog.online_endpoints.values(),
    ]
    problems: list[Problem] = []
    for endpoint in endpoints:
        deployments = deployments_of(catalog, endpoint.name)
        deployed = pinned(deployments)
        problem = ProblemAt(stack, endpoint, f"{ENDPOINTS}.{endpoint.name}")
        for name, keys in _routes(endpoint):
            may_wait = not deployed and problem.where(*keys)[0].file != stack
            if name in deployments.keys() - deployed.keys() and not may_wait:
                lacking = " and ".join(missing_pins(deployments[name]))
                known = ", ".join(map(repr, sorted(deployed))) or "none, as nothing of it is pinned"
                text = f"found {name!r}, which has no pinned {lacking}, allowed: {known}"
                problems.append(problem(text, *keys))
    return problems


def _routes(endpoint: BatchEndpoint | OnlineEndpoint) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield the deployments that an endpoint leads to, each with the keys that say so."""
    if isinstance(endpoint, BatchEndpoint):
        if endpoint.defaults.deployment_name is not None:
            yield endpoint.defaults.deployment_name, ("defaults", "deployment_name")
        return
    for key in ("traffic", "mirror_traffic"):
        for name, share in getattr(endpoint, key).items():
            if share:
                yield name, (key, name)


def undeployable(catalog: Catalog, stack: Path, clusters: Iterable[str]) -> list[Problem]:
    """Find what keeps single deployments from Azure: their cluster, code or environment."""
    names = frozenset(clusters)
    problems: list[Problem] = []
    for deployment in _deployments(catalog):
        problem = deployment_problem(stack, deployment)
        deployed = is_pinned(deployment)
        # A stack without any cluster is one that is not meant to deploy anything yet.
        if isinstance(deployment, BatchDeployment) and (deployed or names):
            problems += _compute_problems(deployment, problem, names)
        problems += _code_problems(deployment, problem)
        if deployed:
            problems += _environment_problems(deployment, problem)
    for pipeline in _by_name(catalog.pipeline_deployments):
        compute = pipeline.settings.default_compute
        if compute is not None and "/" not in compute and compute not in names:
            where = deployment_problem(stack, pipeline).where("settings", "default_compute")
            problems.append(undeclared(*where, "cluster", compute, names))
    return problems


def _compute_problems(
    deployment: BatchDeployment, problem: ProblemAt, clusters: frozenset[str]
) -> Iterator[Problem]:
    compute = deployment.compute
    if compute is None:
        yield problem("missing, and required on Azure: azureml:<name of a cluster>", "compute")
    elif "/" not in compute and compute not in clusters:  # an ARM id is kept by something else
        yield undeclared(*problem.where("compute"), "cluster", compute, clusters)


def _code_problems(deployment: Deployment, problem: ProblemAt) -> Iterator[Problem]:
    """Refuse code in a stack file that pins none: there is no other reason to name it there."""
    if deployment.code_configuration is None or code_pin(deployment) is not None:
        return
    place, key = problem.where("code_configuration", "code")
    if place.file == problem.stack:
        code = deployment.source.entries["code_configuration"]
        assert isinstance(code, MappingNode)
        yield from refused(code.entries["code"], key, "azureml:<name>:<version>").problems


def _environment_problems(deployment: Deployment, problem: ProblemAt) -> Iterator[Problem]:
    environment = deployment.environment
    if environment is None and deployment.code_configuration is not None:
        text = "missing, and required beside code_configuration on Azure"
        yield problem(text, "environment")
    build = environment.build if isinstance(environment, Environment) else None
    if build is not None and isinstance(build.path, Path):
        text = f"found a build of {build.path.name!r} on this machine, allowed: image, with"
        yield problem(f"{text} conda_file, or azureml:<name>:<version>", "environment")


def _deployments(catalog: Catalog) -> list[Deployment]:
    """Return the deployments of models, batch first, each kind by name."""
    return [*_by_name(catalog.batch_deployments), *_by_name(catalog.online_deployments)]


def _by_name(deployments: Mapping[str, Mapping[str, D]]) -> list[D]:
    return [
        deployment
        for _, of_endpoint in sorted(deployments.items())
        for _, deployment in sorted(of_endpoint.items())
    ]
