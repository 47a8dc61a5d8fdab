"""The settings of a stack on Databricks, typed and checked before anything is declared."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from infra.databricks.unsupported import pinned_problems, stack_problems
from infra.pins import unroutable, waiting_for_pins
from infra.stack_config import (
    CATALOG,
    CLUSTERS,
    GROUPS,
    SCHEMA,
    Size,
    StackConfig,
    StackSettings,
    matches,
)
from runner.declarations import AssetReference, Catalog, DeclarationError, Problem
from runner.declarations.catalog import sorted_problems
from runner.declarations.document import MappingNode, Node
from runner.declarations.names import UnityName
from runner.declarations.problem import Place, refusal
from runner.declarations.reader import Check, Texts, at_least, between, one_line, read_record

Runtime = Annotated[
    str,
    Check(matches(r"\d+\.\d+\.x-[a-z0-9.-]+"), "a runtime such as 17.3.x-cpu-ml-scala2.13"),
]
Group = Annotated[str, Check(one_line, "the name of a group")]
SecurityMode = Literal[
    "SINGLE_USER",
    "USER_ISOLATION",
    "DATA_SECURITY_MODE_DEDICATED",
    "DATA_SECURITY_MODE_STANDARD",
]

is_cluster_name = matches(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


@dataclass(frozen=True, kw_only=True)
class Autoscale:
    """The range of workers that a cluster may have."""

    min_workers: Annotated[int, at_least(0)]
    max_workers: Annotated[int, at_least(1)]


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A cluster, in the words of Databricks' interface for clusters."""

    name: str = field(default="", metadata={"given": True})
    spark_version: Runtime
    node_type_id: Size
    driver_node_type_id: Size | None = None
    num_workers: Annotated[int, at_least(0)] | None = None
    autoscale: Autoscale | None = None
    is_single_node: bool = False
    data_security_mode: SecurityMode = "SINGLE_USER"
    single_user_name: str | None = None  # None: the identity that deploys
    autotermination_minutes: Annotated[int, between(10, 10_000)] = 20
    runtime_engine: Literal["STANDARD", "PHOTON"] | None = None
    enable_elastic_disk: bool | None = None
    spark_conf: Texts = field(default_factory=dict)
    spark_env_vars: Texts = field(default_factory=dict)
    custom_tags: Texts = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Settings(StackSettings):
    """The settings of a stack on Databricks."""

    unity_catalog: str  # the catalog that models and files are kept in
    schema: str  # in that
    clusters: Mapping[str, Cluster]
    # Where the code of batch deployments lies, by endpoint and deployment.
    code: Mapping[tuple[str, str], Path] = field(default_factory=dict)
    groups: tuple[str, ...] = ()  # that may run, ask and register; all users where none is named

    def model_name(self, model: AssetReference) -> str:
        """Return the name in Unity Catalog of a model of the declarations."""
        return f"{self.unity_catalog}.{self.schema}.{model.name}"

    def cluster_of(self, compute: str | None) -> Cluster:
        """Return the cluster that a deployment's `compute` names, or the stack's only one."""
        return self.clusters.get(compute or "") or next(iter(self.clusters.values()))


def settings_from(config: StackConfig) -> Settings:
    """Read a stack's settings from its configuration.

    Raises DeclarationError with everything that is wrong in the configuration and in the
    declarations.
    """
    common = config.common()
    unity_catalog = config.required(CATALOG, UnityName, "NAME")
    schema = config.value(SCHEMA, UnityName, "scoring")
    groups: tuple[str, ...] = config.value(GROUPS, tuple[Group, ...], ())
    clusters = config.clusters(_cluster)
    declared = config.catalog()
    catalog = declared and _without_batch_code(declared)
    if declared is not None and catalog is not None:
        config.problems += unroutable(catalog, config.file)
        config.problems += stack_problems(declared, config.file)
        if clusters is not None:
            config.problems += pinned_problems(declared, config.file, clusters)
    if config.problems or catalog is None or clusters is None:
        raise DeclarationError(sorted_problems(config.problems))
    # An online one with a script is nothing that waits here: Databricks is never given it.
    waiting = (
        deployment for deployment in waiting_for_pins(catalog) if "code" not in deployment.missing
    )
    return Settings(
        **common,
        unity_catalog=unity_catalog,
        schema=schema,
        groups=groups,
        clusters=clusters,
        code=dict(_batch_code(declared)) if declared else {},
        catalog=catalog,
        waiting=tuple(waiting),
    )


def _without_batch_code(catalog: Catalog) -> Catalog:
    """Return the declarations as they are deployed.

    The runner sends the code of a batch deployment with each request, so a stack pins none of it.
    """
    return replace(
        catalog,
        batch_deployments={
            endpoint: {
                name: replace(deployment, code_configuration=None)
                for name, deployment in deployments.items()
            }
            for endpoint, deployments in catalog.batch_deployments.items()
        },
    )


def _batch_code(catalog: Catalog) -> Iterator[tuple[tuple[str, str], Path]]:
    for endpoint, deployments in catalog.batch_deployments.items():
        for name, deployment in deployments.items():
            configuration = deployment.code_configuration
            if configuration is not None and isinstance(configuration.code, Path):
                yield (endpoint, name), configuration.code


def _cluster(name: str, node: Node, place: Place) -> Cluster:
    """Read one cluster. Raises DeclarationError."""
    key = f"{CLUSTERS}.{name}"
    if not is_cluster_name(name):
        text = "is no name of a cluster, allowed: up to 100 letters, digits, hyphens, underscores"
        raise refusal(place, key, text)
    cluster = replace(read_record(node, Cluster, key), name=name)
    assert isinstance(node, MappingNode)
    problems = [
        Problem(node.key_places.get(at, place), f"{key}.{at}" if at else key, text)
        for at, text in _size_problems(cluster)
    ]
    if problems:
        raise DeclarationError(problems)
    return cluster


def _size_problems(cluster: Cluster) -> list[tuple[str, str]]:
    """List what is wrong with the number of a cluster's nodes: each key, and why."""
    sized = [name for name in ("num_workers", "autoscale") if getattr(cluster, name) is not None]
    if cluster.is_single_node:
        text = "goes with more than one node, allowed with is_single_node: no such key"
        return [(name, text) for name in sized if getattr(cluster, name) != 0]
    if not sized:
        return [("", "has no size, allowed: is_single_node: true, num_workers or autoscale")]
    if len(sized) > 1:
        return [("autoscale", "found beside num_workers, allowed: one of the two")]
    if cluster.num_workers == 0:
        return [("num_workers", "found 0, allowed: 1 or more, or is_single_node: true")]
    scale = cluster.autoscale
    if scale and scale.min_workers > scale.max_workers:
        text = f"found {scale.min_workers} to {scale.max_workers}, allowed: at most max_workers"
        return [("autoscale", text)]
    return []
