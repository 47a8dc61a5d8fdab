"""Which deployments a stack pins, which wait for a pin, and what may be said of those."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

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
from runner.declarations.catalog import ENDPOINTS, place_of, undeclared
from runner.declarations.document import MappingNode
from runner.declarations.problem import Place
from runner.declarations.reader import refused
from runner.declarations.references import PREFIX

Deployment = BatchDeployment | OnlineDeployment
D = TypeVar("D", BatchDeployment, PipelineDeployment, OnlineDeployment)


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


def code_pin(deployment: Deployment) -> CodePin | None:
    """The version of its code that a deployment is pinned to, if any."""
    code = deployment.code_configuration and deployment.code_configuration.code
    if not isinstance(code, str) or not code.startswith(PREFIX):
        return None
    name, _, version = code.removeprefix(PREFIX).partition(":")
    return CodePin(name, version) if is_asset_name(name) and is_asset_name(version) else None


def missing_pins(deployment: Deployment | PipelineDeployment) -> tuple[str, ...]:
    """What of a deployment has no exact version yet: its model, its code, both or nothing.

    Of one that runs a pipeline that is its component.
    """
    if isinstance(deployment, PipelineDeployment):
        return () if deployment.pinned else ("component",)
    scripted = deployment.code_configuration is not None
    model = deployment.model is not None and not deployment.pinned
    code = scripted and code_pin(deployment) is None
    return (*(["model"] if model else []), *(["code"] if code else []))


def is_pinned(deployment: Deployment | PipelineDeployment) -> bool:
    """Whether a stack deploys a deployment."""
    return not missing_pins(deployment)


def pinned(deployments: Mapping[str, D]) -> dict[str, D]:
    """Those of an endpoint's deployments that a stack deploys."""
    return {name: deployment for name, deployment in deployments.items() if is_pinned(deployment)}


def all_pinned(catalog: Catalog) -> list[Deployment]:
    """All that a stack deploys, batch first, each kind by name."""
    return [deployment for _, _, deployment in _deployments(catalog) if is_pinned(deployment)]


def default_deployment(catalog: Catalog, endpoint: str) -> str | None:
    """The default of a batch endpoint; None where there is none, or it waits for a pin."""
    name = catalog.batch_endpoints[endpoint].defaults.deployment_name
    deployed = (
        *pinned(catalog.batch_deployments.get(endpoint, {})),
        *pinned(catalog.pipeline_deployments.get(endpoint, {})),
    )
    return name if name in deployed else None


def traffic(catalog: Catalog, endpoint: str, key: str = "traffic") -> dict[str, int]:
    """The traffic of an online endpoint in percent, or its `mirror_traffic`.

    Deployments that wait for a pin have no share, and Azure knows no name of theirs yet.
    """
    split: Mapping[str, int] = getattr(catalog.online_endpoints[endpoint], key)
    deployed = pinned(catalog.online_deployments.get(endpoint, {}))
    return {name: share for name, share in split.items() if name in deployed}


def waiting_for_pins(catalog: Catalog) -> tuple[Waiting, ...]:
    """The deployments that a stack leaves out, in the order of their names."""
    return tuple(
        Waiting(endpoint, name, missing)
        for endpoint, name, deployment in (*_deployments(catalog), *_pipelines(catalog))
        if (missing := missing_pins(deployment))
    )


def pinning(catalog: Catalog, stack: str, waiting: Iterable[Waiting]) -> list[str]:
    """The runner's commands that register and pin what waits, for each model of its own.

    Of itself the runner pins the batch deployments of a model, and where some are pinned already
    only those: all others are named. A component is registered by the Azure CLI.
    """
    behind = {(endpoint, name): deployment for endpoint, name, deployment in _deployments(catalog)}
    pipelines = {(endpoint, name): deployment for endpoint, name, deployment in _pipelines(catalog)}
    begun = {
        _model_name(deployment)
        for deployment in behind.values()
        if _is_batch(deployment) and _has_model(deployment)
    }
    commands: dict[str, str] = {}  # by what begins them
    for unpinned in waiting:
        if pipeline := pipelines.get((unpinned.endpoint, unpinned.deployment)):
            commands[str(unpinned)] = _registering(catalog, stack, pipeline)
            continue
        deployment = behind[unpinned.endpoint, unpinned.deployment]
        name = _model_name(deployment)
        unnamed = _is_batch(deployment) and name not in begun
        begin = f"runner models register{_registered(catalog, name)} --env {stack} --pin"
        key = begin if unnamed else f"{begin} --deployment"
        more = "" if unnamed else f" --deployment {unpinned.endpoint}/{unpinned.deployment}"
        commands[key] = commands.get(key, begin) + more
    return list(commands.values())


def _registering(catalog: Catalog, stack: str, pipeline: PipelineDeployment) -> str:
    """How the component of a pipeline is registered and pinned."""
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


def _is_batch(deployment: Deployment) -> bool:
    return isinstance(deployment, BatchDeployment)


def _has_model(deployment: Deployment) -> bool:
    return "model" not in missing_pins(deployment)


def _registered(catalog: Catalog, name: str | None) -> str:
    """Which model the runner is to register; the only declared one goes without saying."""
    declared = catalog.models.get(name) if name else None
    if declared is None:
        return f" PATH --name {name or 'NAME'}"
    if len(catalog.models) == 1:
        return ""
    return f" --file {declared.file.relative_to(catalog.folder.parent).as_posix()}"


def unroutable(catalog: Catalog, stack: Path) -> list[Problem]:
    """Defaults and traffic that lead to a deployment which is not there.

    What only a declaration under `models/` says may wait as long as nothing of its endpoint is
    pinned; what the stack file says, or the rest of the endpoint goes by, may not.
    """
    problems: list[Problem] = []
    routes = _Routes(catalog, stack)
    for name, batch in catalog.batch_endpoints.items():
        behind: dict[str, BatchDeployment | PipelineDeployment] = {
            **catalog.batch_deployments.get(name, {}),
            **catalog.pipeline_deployments.get(name, {}),
        }
        if batch.defaults.deployment_name is not None:
            to = batch.defaults.deployment_name
            problems += routes.problem(batch, behind, to, "defaults", "deployment_name")
    for name, online in catalog.online_endpoints.items():
        ahead = catalog.online_deployments.get(name, {})
        for key in ("traffic", "mirror_traffic"):
            for to, share in getattr(online, key).items():
                problems += routes.problem(online, ahead, to, key, to) if share else []
    return problems


def undeployable(catalog: Catalog, stack: Path, clusters: Iterable[str]) -> list[Problem]:
    """What keeps single deployments from Azure: their cluster, code or environment."""
    names = frozenset(clusters)
    problems: list[Problem] = []
    for endpoint, name, deployment in _deployments(catalog):
        where = _Where(stack, deployment.source, f"{ENDPOINTS}.{endpoint}.deployments.{name}")
        deployed = is_pinned(deployment)
        # A stack without any cluster is one that is not meant to deploy anything yet.
        if isinstance(deployment, BatchDeployment) and (deployed or names):
            problems += _compute_problems(deployment, where, names)
        if deployment.code_configuration is not None:
            problems += _code_problems(deployment, where, stack)
        if deployed:
            problems += _environment_problems(deployment, where)
    for endpoint, name, pipeline in _pipelines(catalog):
        compute = pipeline.settings.default_compute
        if compute is not None and "/" not in compute and compute not in names:
            where = _Where(stack, pipeline.source, f"{ENDPOINTS}.{endpoint}.deployments.{name}")
            place, key = where("settings", "default_compute")
            problems.append(undeclared(place, key, "cluster", compute, names))
    return problems


@dataclass(frozen=True)
class _Where:
    """Finds the place and the dotted key of what a stack file or a declaration says."""

    stack: Path
    source: MappingNode
    prefix: str

    def __call__(self, *keys: str) -> tuple[Place, str]:
        place = place_of(self.source, *keys)
        key = ".".join(keys)
        return place, f"{self.prefix}.{key}" if place.file == self.stack else key

    def absent(self, key: str) -> tuple[Place, str]:
        return self.source.place, key


@dataclass(frozen=True)
class _Routes:
    catalog: Catalog
    stack: Path

    def problem(
        self,
        endpoint: BatchEndpoint | OnlineEndpoint,
        deployments: Mapping[str, BatchDeployment | PipelineDeployment | OnlineDeployment],
        to: str,
        *keys: str,
    ) -> list[Problem]:
        deployed = [name for name, deployment in deployments.items() if is_pinned(deployment)]
        place, key = _Where(self.stack, endpoint.source, f"{ENDPOINTS}.{endpoint.name}")(*keys)
        may_wait = not deployed and place.file != self.stack
        if to in deployed or to not in deployments or may_wait:
            return []
        lacking = " and ".join(missing_pins(deployments[to]))
        known = ", ".join(map(repr, sorted(deployed))) or "none, as nothing of it is pinned"
        text = f"found {to!r}, which has no pinned {lacking}, allowed: {known}"
        return [Problem(place, key, text)]


def _compute_problems(
    deployment: BatchDeployment, where: _Where, clusters: frozenset[str]
) -> list[Problem]:
    if deployment.compute is None:
        place, key = where.absent("compute")
        return [Problem(place, key, "missing, and required on Azure: azureml:<name of a cluster>")]
    place, key = where("compute")
    if "/" in deployment.compute or deployment.compute in clusters:
        return []  # an ARM id is of a compute that something else keeps
    return [undeclared(place, key, "cluster", deployment.compute, clusters)]


def _code_problems(deployment: Deployment, where: _Where, stack: Path) -> list[Problem]:
    """A stack file names code for one reason: to pin it."""
    place, key = where("code_configuration", "code")
    assert deployment.code_configuration is not None
    if place.file != stack or code_pin(deployment) is not None:
        return []
    code = deployment.source.entries["code_configuration"]
    assert isinstance(code, MappingNode)
    return list(refused(code.entries["code"], key, "azureml:<name>:<version>").problems)


def _environment_problems(deployment: Deployment, where: _Where) -> list[Problem]:
    if deployment.environment is None:
        if deployment.code_configuration is None:
            return []
        place, key = where.absent("environment")
        return [Problem(place, key, "missing, and required beside code_configuration on Azure")]
    if not isinstance(deployment.environment, Environment):
        return []
    build = deployment.environment.build
    if build is None or not isinstance(build.path, Path):
        return []
    place, key = where("environment")
    text = f"found a build of {build.path.name!r} on this machine, allowed: "
    return [Problem(place, key, text + "image, with conda_file, or azureml:<name>:<version>")]


def _pipelines(catalog: Catalog) -> Iterator[tuple[str, str, PipelineDeployment]]:
    for endpoint, pipelines in sorted(catalog.pipeline_deployments.items()):
        yield from ((endpoint, name, deployment) for name, deployment in sorted(pipelines.items()))


def _deployments(catalog: Catalog) -> Iterator[tuple[str, str, Deployment]]:
    for endpoint, batch in sorted(catalog.batch_deployments.items()):
        yield from ((endpoint, name, deployment) for name, deployment in sorted(batch.items()))
    for endpoint, online in sorted(catalog.online_deployments.items()):
        yield from ((endpoint, name, deployment) for name, deployment in sorted(online.items()))
