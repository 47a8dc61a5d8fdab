"""Databricks: what nobody uses ends, one person works on a cluster, and nobody has a token."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from infra.policies.rule import (
    PRODUCTION,
    UNKNOWN,
    Resource,
    Rule,
    in_production,
    known,
    whole_number,
)

_PROVIDER = "databricks:index/"
_CLUSTER = f"{_PROVIDER}cluster:Cluster"
_JOB = f"{_PROVIDER}job:Job"
_SERVING = f"{_PROVIDER}modelServing:ModelServing"
_TOKENS = (f"{_PROVIDER}token:Token", f"{_PROVIDER}oboToken:OboToken")
_SIGN_IN = "pulumi:providers:databricks"
_SINGLE_USER = ("SINGLE_USER", "DATA_SECURITY_MODE_DEDICATED")

IDLE: Final = whole_number(
    "minutes", 30, 10, 10_000, "How many minutes a cluster may wait for work before it ends."
)


def _ends(resource: Resource) -> Iterator[str]:
    if resource.kind != _CLUSTER:
        return
    minutes, most = resource.read("autoterminationMinutes"), IDLE.of(resource)
    if minutes is UNKNOWN or (minutes and minutes <= most):
        return
    waits = f"waits {minutes:g} minutes for work" if minutes else "never ends"
    yield (
        f"{resource.name} {waits}; set scoring:clusters.{resource.name}.autotermination_minutes"
        f" to at most {most:g} in {resource.stack_file}"
    )


def _single_user(resource: Resource) -> Iterator[str]:
    for cluster in clusters_of(resource):
        mode = known(cluster, "dataSecurityMode")
        if mode is not UNKNOWN and mode not in _SINGLE_USER:
            yield (
                f"{resource.name} has a cluster for {mode or 'anybody'}; set data_security_mode"
                f" of scoring:clusters to SINGLE_USER in {resource.stack_file}"
            )


def clusters_of(resource: Resource) -> Iterator[Mapping[str, Any]]:
    """Yield a cluster on Databricks, or those that a job makes there."""
    if resource.kind == _CLUSTER:
        yield resource.properties
    jobs = resource.read("jobClusters") if resource.kind == _JOB else None
    for job_cluster in jobs if isinstance(jobs, Sequence) else ():
        cluster = known(job_cluster, "newCluster")
        if isinstance(cluster, Mapping):
            yield cluster


def _no_tokens(resource: Resource) -> Iterator[str]:
    if resource.kind in _TOKENS:
        yield (
            f"{resource.name} is a token, which acts for whoever has it; sign in with an identity"
            " of Entra, as the provider does"
        )
    if resource.kind == _SIGN_IN and resource.read("token") is not None:
        yield f"{resource.name} signs in with a token; leave it out in infra/ and sign in to Azure"


def _scale_to_zero(resource: Resource) -> Iterator[str]:
    if resource.kind != _SERVING or in_production(resource):
        return
    entities = resource.read("config.servedEntities")
    for entity in entities if isinstance(entities, Sequence) else ():
        if known(entity, "scaleToZeroEnabled") not in (True, UNKNOWN):
            yield (
                f"{resource.name} keeps machines for {known(entity, 'name')} that nobody asks;"
                f" set scoring:production to false in {resource.stack_file}, or name the stack in"
                f" this policy's {PRODUCTION.key}"
            )


CLUSTERS_END: Final = Rule(
    "databricks-clusters-end-by-themselves",
    "A cluster on Databricks ends soon after its last work.",
    _ends,
    (IDLE,),
)
SINGLE_USER: Final = Rule(
    "databricks-clusters-have-one-user",
    "A cluster on Databricks is one person's, so that what runs there has that person's rights.",
    _single_user,
)
NO_TOKENS: Final = Rule(
    "databricks-has-no-tokens",
    "Nobody signs in to Databricks with a personal token, or one made on behalf of another.",
    _no_tokens,
)
SERVING_SCALES_TO_ZERO: Final = Rule(
    "databricks-serving-scales-to-zero",
    "Outside production a serving endpoint has no machines while nobody asks it.",
    _scale_to_zero,
    (PRODUCTION,),
)
