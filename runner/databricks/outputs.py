"""The address of an environment's Databricks workspace, and what its stack put there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runner.clouds import PUBLIC
from runner.stacks import output as stack_output
from runner.stacks.output import Malformed, StackOutput, mapping, text, text_or_none


@dataclass(frozen=True)
class BatchJob:
    """The Databricks job that a batch deployment is."""

    job_id: int
    model: str | None = None  # models:/catalog.schema.name/version


@dataclass(frozen=True)
class EndpointOutput(stack_output.EndpointOutput):
    """An endpoint as the stack deployed it; a batch endpoint has a job for each deployment."""

    jobs: Mapping[str, BatchJob] = field(default_factory=dict)


@dataclass(frozen=True)
class Outputs:
    """A workspace's address, its part of Unity Catalog, and what is deployed by logical name."""

    subscription_id: str
    resource_group: str
    workspace: str
    resource_id: str  # in Resource Manager
    host: str  # https://..., without a slash at the end
    workspace_id: str
    catalog: str
    schema: str
    volume: str  # /Volumes/catalog/schema/volume
    experiments: str  # a folder of the workspace
    source: str  # where this was read, for messages
    wheel: str | None = None  # the wheel that jobs on a cluster install, in the volume
    stack: str | None = None  # whose output it is, where that is said
    cloud: str = PUBLIC
    location: str | None = None
    clusters: Mapping[str, str] = field(default_factory=dict)  # name → its id
    endpoints: Mapping[str, EndpointOutput] = field(default_factory=dict)

    def model_name(self, name: str) -> str:
        """Return the whole name in Unity Catalog of a model of this environment."""
        return f"{self.catalog}.{self.schema}.{name}"


def outputs_of(output: StackOutput) -> Outputs:
    """Return the record of a stack's output `runner`. Raises WrongUsage."""
    content = output.content
    try:
        return Outputs(
            subscription_id=text(content, "subscription_id"),
            resource_group=text(content, "resource_group"),
            workspace=text(content, "workspace"),
            resource_id=text(content, "resource_id"),
            host=_host(text(content, "host")),
            workspace_id=text(content, "workspace_id"),
            catalog=text(content, "catalog"),
            schema=text(content, "schema"),
            volume=_volume(text(content, "volume")),
            experiments=text(content, "experiments").rstrip("/"),
            source=output.source,
            wheel=text_or_none(content, "wheel"),
            stack=output.stack,
            cloud=text(content, "cloud", PUBLIC),
            location=text(content, "location"),
            clusters={
                name: text(_object(cluster, f"cluster {name}"), "cluster_id")
                for name, cluster in mapping(content, "clusters").items()
            },
            endpoints={
                name: _endpoint(_object(given, f"endpoint {name}"))
                for name, given in mapping(content, "endpoints").items()
            },
        )
    except Malformed as problem:
        raise output.malformed(problem) from None


def _host(address: str) -> str:
    if not address.startswith("https://"):
        raise Malformed(f"host is {address!r}, allowed: an address that begins with https://")
    return address.rstrip("/")


def _volume(path: str) -> str:
    parts = path.strip("/").split("/")
    if len(parts) != 4 or parts[0] != "Volumes" or not all(parts):
        raise Malformed(f"volume is {path!r}, allowed: /Volumes/<catalog>/<schema>/<volume>")
    return "/" + "/".join(parts)


def _object(content: object, what: str) -> Mapping[str, Any]:
    if not isinstance(content, dict):
        raise Malformed(f"{what} is not an object")
    return content


def _endpoint(content: Mapping[str, Any]) -> EndpointOutput:
    jobs = {
        name: _job(_object(job, f"the job of {name}"))
        for name, job in mapping(content, "jobs").items()
    }
    return EndpointOutput(**vars(stack_output.endpoint(content)), jobs=jobs)


def _job(content: Mapping[str, Any]) -> BatchJob:
    job_id = content.get("job_id")
    # Pulumi has the id of a job as text.
    if not isinstance(job_id, int | str) or not str(job_id).isdecimal():
        raise Malformed(f"job_id is {job_id!r}, allowed: a whole number")
    return BatchJob(int(job_id), text_or_none(content, "model"))
