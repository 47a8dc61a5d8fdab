"""Resolves a call to the endpoint, the deployment, the settings and the data that it means.

The rules are those of every environment. They ask `BatchEndpoints` for the endpoints and assets of
an environment.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Protocol

from runner.declarations.override import override, plain_key
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.nearest import nearest
from runner.workspace import Invocation

if TYPE_CHECKING:
    from runner.declarations import BatchDeployment, Catalog, PipelineDeployment


@dataclass(frozen=True)
class Deployments:
    """The deployments of a batch endpoint, by name."""

    names: Collection[str]
    default: str | None


class BatchEndpoints(Protocol):
    """The batch endpoints that an environment knows; names are logical ones."""

    @property
    def none_yet(self) -> str:
        """Return the message for an environment without any endpoint."""
        ...

    @property
    def default_place(self) -> str:
        """Return the place where the default deployment is set, as the end of a message."""
        ...

    def names(self) -> Collection[str]:
        """Return the names of which, where there is only one, that is the default."""
        ...

    def all_names(self) -> Collection[str]:
        """Return the names that a call may give."""
        ...

    def first_deployment(self, endpoint: str) -> str:
        """Return the way to an endpoint's first deployment, as the end of a message."""
        ...

    def chosen(self) -> str | None:
        """Return the endpoint that the environment's stack file makes the default."""
        ...

    def is_online(self, name: str) -> bool:
        """Return whether an online endpoint is known by that name."""
        ...

    def deployments(self, endpoint: str, asked: str | None) -> Deployments:
        """Return an endpoint's deployments; at least the one that is asked for, if it is there.

        Raises NotFound for an endpoint that the environment lacks.
        """
        ...


@dataclass(frozen=True)
class Request:
    """The meaning of a call: a batch endpoint and its deployment, settings and data."""

    endpoint: str
    deployment: str
    by_default: bool  # the deployment is the endpoint's default, which no call needs to name
    declared: BatchDeployment | None  # with the call's settings; None: it is not declared here
    changed: frozenset[str]  # keys of the settings that the call gives, without their section
    data: str  # as `Invocation.data`; empty for a pipeline that is given none
    notices: tuple[str, ...]
    pipeline: PipelineDeployment | None = None  # where the deployment is declared to run one


def resolve(invocation: Invocation, catalog: Catalog, endpoints: BatchEndpoints) -> Request:
    """Return the request that a call means in an environment. Nothing is sent or registered.

    Raises NotFound for what the environment lacks, WrongUsage for a call that leaves open what it
    means or gives settings that nothing declares, and EnvironmentRefused for an endpoint without
    deployments.
    """
    endpoint = choose_endpoint(invocation.endpoint, endpoints)
    found = endpoints.deployments(endpoint, invocation.deployment)
    deployment = _choose_deployment(endpoint, invocation.deployment, found, endpoints)
    settings = call_settings(invocation)
    declared = catalog.batch_deployments.get(endpoint, {}).get(deployment)
    pipeline = catalog.pipeline_deployments.get(endpoint, {}).get(deployment)
    if pipeline is not None and settings:
        raise WrongUsage(
            f"deployment {deployment!r} of endpoint {endpoint!r} runs a pipeline, whose steps have"
            " settings of their own: leave out --set, --mini-batch-size and --instance-count"
        )
    if declared is not None and invocation.inputs:
        raise WrongUsage(
            f"deployment {deployment!r} of endpoint {endpoint!r} runs a model, which takes one"
            " input: give --data in place of --inputs"
        )
    if declared is None and pipeline is None and settings:
        raise WrongUsage(
            f"deployment {deployment!r} of endpoint {endpoint!r} is not declared under models/, so"
            " its settings can't be checked: declare it, or leave out --set, --mini-batch-size and"
            " --instance-count"
        )
    named = invocation.deployment is not None
    only = not named and found.default is None
    return Request(
        endpoint=endpoint,
        deployment=deployment,
        by_default=not named and not only,
        declared=override(declared, settings) if declared else None,
        changed=frozenset(map(plain_key, settings)),
        data=_asked_data(
            invocation, catalog, endpoint, needed=pipeline is None and not invocation.inputs
        ),
        notices=(_only_deployment(endpoint, deployment),) if only else (),
        pipeline=pipeline,
    )


def refuse_pipeline(request: Request) -> None:
    """Raise WrongUsage where a deployment runs a pipeline, for a platform that runs none."""
    if request.pipeline is not None:
        raise WrongUsage(
            f"deployment {request.deployment!r} of endpoint {request.endpoint!r} runs a pipeline"
            f" ({request.pipeline.component}), which this environment does not: name one of Azure"
            " ML, or local, with --env, or a deployment of a model with --deployment"
        )


def check_deployment(request: Request, found: Deployments, endpoints: BatchEndpoints) -> None:
    """Raise as `resolve` where the deployments that were found are not what a request means."""
    named = None if request.by_default else request.deployment
    _choose_deployment(request.endpoint, named, found, endpoints)


def default_endpoint(endpoints: BatchEndpoints) -> str | None:
    """Return the stack file's default, else the only batch endpoint; None leaves it open."""
    chosen = endpoints.chosen()
    if chosen is not None:
        return chosen
    names = endpoints.names()
    return next(iter(names)) if len(names) == 1 else None


def choose_endpoint(asked: str | None, endpoints: BatchEndpoints) -> str:
    """Return the batch endpoint of that name, else the default, without looking it up.

    Raises WrongUsage where one must be named and for an online endpoint, NotFound where there is
    none at all.
    """
    name = asked or default_endpoint(endpoints)
    if name is None:
        names = endpoints.all_names()
        if not names:
            raise NotFound(endpoints.none_yet)
        raise WrongUsage(f"name the endpoint to use: {', '.join(sorted(names))}")
    if endpoints.is_online(name):
        raise WrongUsage(f"{name!r} is an online endpoint; ask it with `runner invoke {name} FILE`")
    return name


def call_settings(invocation: Invocation) -> dict[str, str]:
    """Return the settings of --set and its short forms; of the same setting the short form wins."""
    short = {
        "mini_batch_size": invocation.mini_batch_size,
        "instance_count": invocation.instance_count,
    }
    given = {key: str(value) for key, value in short.items() if value is not None}
    longer = {
        key: value for key, value in invocation.settings.items() if plain_key(key) not in given
    }
    return longer | given


def only_here(invocation: Invocation) -> Mapping[str, Any]:
    """Return the settings of a call that only this machine's engine has, by name."""
    marked = (field.name for field in fields(invocation) if "only_here" in field.metadata)
    given = {name: getattr(invocation, name) for name in marked}
    return {name: value for name, value in given.items() if value is not None}


def refuse_only_here(invocation: Invocation) -> None:
    """Raise WrongUsage where a call asks for what only this machine's engine does."""
    asked = only_here(invocation)
    for field in fields(invocation):
        if field.name in asked:
            raise WrongUsage(
                f"--{field.name.replace('_', '-')} is for this machine:"
                f" {field.metadata['only_here']}; leave it out"
            )


def _choose_deployment(
    endpoint: str, asked: str | None, found: Deployments, endpoints: BatchEndpoints
) -> str:
    chosen = asked or found.default
    names = sorted(found.names)
    if chosen is None and len(names) == 1:
        return names[0]
    if chosen is None and not names:
        raise EnvironmentRefused(
            f"endpoint {endpoint!r} has no deployment yet; {endpoints.first_deployment(endpoint)}"
        )
    if chosen is None:
        raise WrongUsage(
            f"endpoint {endpoint!r} has no default deployment: name one with --deployment"
            f" ({', '.join(names)}), or set `defaults: {{deployment_name: ...}}`"
            f" {endpoints.default_place}"
        )
    if chosen not in found.names:
        raise NotFound(f"no deployment {chosen!r} of endpoint {endpoint!r}{nearest(chosen, names)}")
    return chosen


def _only_deployment(endpoint: str, deployment: str) -> str:
    return f"endpoint {endpoint!r} has no default deployment; its only one, {deployment!r}, is used"


def _asked_data(invocation: Invocation, catalog: Catalog, endpoint: str, *, needed: bool) -> str:
    """Return the data of the call, else of the stack file, else what the model's folder declares.

    A pipeline need not be given any, and is not given what only lies in its folder.
    """
    declared = catalog.batch_endpoints.get(endpoint)
    asked = invocation.data or (declared.input if declared else None)
    if asked is not None or not needed:
        return asked or ""
    beside = catalog.data_beside(declared) if declared else None
    if beside is None:
        raise WrongUsage(
            f"nothing says which data to score: give --data, or `input` of endpoint {endpoint!r} in"
            " the stack file, or a data.yml in its model's folder"
        )
    return f"azureml:{beside.name}@latest"
