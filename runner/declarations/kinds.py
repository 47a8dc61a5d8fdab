"""Tells which kind of declaration a file holds, and reads it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from runner.assets.kinds import ASSET_KINDS
from runner.declarations.batch import (
    FLAT_KEYS,
    BatchDeployment,
    BatchEndpoint,
    batch_deployment_from,
    batch_endpoint_from,
)
from runner.declarations.data import Data, data_from
from runner.declarations.document import MappingNode, ScalarNode, describe, read_document
from runner.declarations.environment import Environment, environment_from
from runner.declarations.job import (
    CommandJob,
    OtherJob,
    SparkJob,
    command_job_from,
    job_type_of,
    other_job_from,
    spark_job_from,
)
from runner.declarations.model import Model, model_from
from runner.declarations.online import (
    OnlineDeployment,
    OnlineEndpoint,
    online_deployment_from,
    online_endpoint_from,
)
from runner.declarations.pipeline_deployment import (
    PipelineDeployment,
    is_pipeline,
    pipeline_deployment_from,
)
from runner.declarations.problem import Place, refusal
from runner.jobs.kinds import JOB_KINDS
from runner.nearest import nearest

Declaration = (
    Model
    | Data
    | Environment
    | BatchEndpoint
    | BatchDeployment
    | PipelineDeployment
    | OnlineEndpoint
    | OnlineDeployment
    | CommandJob
    | SparkJob
    | OtherJob
)
T = TypeVar("T", bound=Declaration)


class Kind(NamedTuple):
    """The facts that tell one kind of declaration from another."""

    noun: str  # with its article, for messages
    read: Callable[[MappingNode], Declaration]
    schemas: tuple[str, ...]  # the names of its files at azuremlschemas


# The kinds of job that have a record of their own; of the others little is read here.
_JOBS: Mapping[str, type[CommandJob | SparkJob]] = {"command": CommandJob, "spark": SparkJob}

KINDS: Mapping[type[Any], Kind] = {
    Model: Kind("a model", model_from, ("model",)),
    Data: Kind("a data asset", data_from, ("data",)),
    Environment: Kind("an environment", environment_from, ("environment",)),
    BatchEndpoint: Kind("a batch endpoint", batch_endpoint_from, ("batchEndpoint",)),
    BatchDeployment: Kind(
        "a batch deployment",
        batch_deployment_from,
        ("batchDeployment", "modelBatchDeployment"),
    ),
    PipelineDeployment: Kind(
        "a batch deployment of a pipeline",
        pipeline_deployment_from,
        ("pipelineComponentBatchDeployment",),
    ),
    OnlineEndpoint: Kind(
        "an online endpoint",
        online_endpoint_from,
        ("onlineEndpoint", "managedOnlineEndpoint"),
    ),
    OnlineDeployment: Kind(
        "an online deployment",
        online_deployment_from,
        ("onlineDeployment", "managedOnlineDeployment"),
    ),
    CommandJob: Kind("a command job", command_job_from, (JOB_KINDS["command"].schema,)),
    SparkJob: Kind("a Spark job", spark_job_from, (JOB_KINDS["spark"].schema,)),
    OtherJob: Kind(
        "a job of another kind",
        other_job_from,
        tuple(facts.schema for type_, facts in JOB_KINDS.items() if type_ not in _JOBS),
    ),
}

SCHEMAS: Mapping[str, type[Declaration]] = {
    schema: kind for kind, facts in KINDS.items() for schema in facts.schemas
}

UNSUPPORTED = {
    "kubernetesOnlineDeployment": "Kubernetes deployments",
    "kubernetesOnlineEndpoint": "Kubernetes endpoints",
}

# The key of a schedule of az ml's that monitors a deployment. azure-ai-ml works out its data and
# signals from the deployment, at the moment it makes the schedule.
MONITOR = "create_monitor"
_NO_MONITOR = (
    "model monitoring schedules are not declared here, allowed: a file outside of models/, for"
    " `az ml schedule create --file FILE` once the deployment is there"
)

_ONLINE_ONLY = {
    "instance_type",
    "request_settings",
    "liveness_probe",
    "readiness_probe",
    "app_insights_enabled",
    "scale_settings",
    "model_mount_path",
    "egress_public_network_access",
    "private_network_connection",
    "data_collector",
    "instance_count",
}
# environment_variables alone tells nothing: online deployments have them at the top too.
_BATCH_ONLY = {"settings", "compute", "resources", *FLAT_KEYS} - {"environment_variables"}


def read(file: Path) -> Declaration:
    """Read a declaration of any kind. Raises DeclarationError.

    The kind comes from `$schema`, else from keys that only one kind has, else from the file's
    name; where these leave it open the error asks for `$schema`.
    """
    return declaration_from(read_document(file))


def declaration_from(node: MappingNode) -> Declaration:
    """Read a document of any kind, as `read` does. Raises DeclarationError."""
    kind = kind_of(node)
    if kind is None:
        raise refusal(
            Place(node.place.file, 0),
            "",
            "can't tell what this declares, add a $schema such as "
            "https://azuremlschemas.azureedge.net/latest/modelBatchDeployment.schema.json",
        )
    return KINDS[kind].read(node)


def read_as(file: Path, kind: type[T]) -> T:
    """Read a declaration that must be of one kind. Raises DeclarationError."""
    node = read_document(file)
    named = kind_by_schema(node)
    if named not in (None, kind):
        raise refusal(
            node.key_places["$schema"],
            "$schema",
            f"found {KINDS[named].noun}, allowed: {KINDS[kind].noun} here",
        )
    declaration = KINDS[kind].read(node)
    assert isinstance(declaration, kind)
    return declaration


def kind_of(node: MappingNode) -> type[Declaration] | None:
    """Return the kind of declaration a document holds, or None where that stays open.

    Raises DeclarationError for a kind that is known, and that nothing here declares.
    """
    if MONITOR in node.entries:
        raise refusal(node.key_places[MONITOR], MONITOR, _NO_MONITOR)
    return kind_by_schema(node) or _kind_by_keys(node) or kind_by_name(node.place.file)


def kind_by_schema(node: MappingNode) -> type[Declaration] | None:
    """Return the kind that `$schema` names. Raises DeclarationError for an unknown one."""
    schema = node.entries.get("$schema")
    if schema is None:
        return None
    if not isinstance(schema, ScalarNode):
        raise refusal(schema.place, "$schema", f"found {describe(schema)}, allowed: an address")
    name = _schema_name(schema)
    by_lower = {schema_name.lower(): kind for schema_name, kind in SCHEMAS.items()}
    kind = by_lower.get(name.lower())
    if name in UNSUPPORTED:
        raise refusal(schema.place, "$schema", f"{UNSUPPORTED[name]} are not supported")
    if kind is None:
        text = f"found {describe(schema)}, a kind that is not supported" + nearest(name, SCHEMAS)
        raise refusal(schema.place, "$schema", text)
    if kind in (CommandJob, SparkJob, OtherJob) and (type_ := job_type_of(node)):
        # Azure's own reader goes by `type` alone.
        return _JOBS.get(type_, OtherJob)
    if kind is BatchDeployment and is_pipeline(node.entries):
        return PipelineDeployment
    return kind


def is_component(node: MappingNode) -> bool:
    """Return whether a document is a step's component, which belongs to a pipeline."""
    schema = node.entries.get("$schema")
    named = isinstance(schema, ScalarNode) and _schema_name(schema).lower()
    return bool(named and named.endswith("component"))


def _schema_name(schema: ScalarNode) -> str:
    last = schema.text.rstrip("/").rpartition("/")[2]
    return last.removesuffix(".json").removesuffix(".schema")


def _kind_by_keys(node: MappingNode) -> type[Declaration] | None:
    keys = set(node.entries)
    kind = _text(node, "type")
    if "endpoint_name" in keys:
        return PipelineDeployment if is_pipeline(node.entries) else _deployment_kind(keys, kind)
    if kind == "command" or {"command", "environment"} <= keys:
        return CommandJob
    if kind in JOB_KINDS:
        return _JOBS.get(kind, OtherJob)
    if keys & {"traffic", "mirror_traffic"}:
        return OnlineEndpoint
    defaults = node.entries.get("defaults")
    if isinstance(defaults, MappingNode) and "deployment_name" in defaults.entries:
        return BatchEndpoint
    if _text(node, "auth_mode").replace("_", "") in ("key", "amltoken"):
        return OnlineEndpoint
    if "path" in keys and kind in ASSET_KINDS["model"].types:
        return Model
    if "path" in keys and kind in ASSET_KINDS["data"].types:
        return Data
    if "conda_file" in keys or ("name" in keys and keys & {"image", "build"}):
        return Environment
    return None


def _deployment_kind(keys: set[str], kind: str) -> type[Declaration] | None:
    online = bool(keys & _ONLINE_ONLY) or kind in ("managed", "kubernetes")
    batch = bool(keys & _BATCH_ONLY) or kind == "model"
    if online != batch:
        return OnlineDeployment if online else BatchDeployment
    return None


def kind_by_name(file: Path) -> type[Declaration] | None:
    """Return the kind that a file's name tells: model.yml, data.yml, batch-endpoint.yml, ..."""
    name = file.stem.lower()
    online = "online" in name
    if "deployment" in name and online != ("batch" in name):
        return OnlineDeployment if online else BatchDeployment
    if "endpoint" in name and online != ("batch" in name):
        return OnlineEndpoint if online else BatchEndpoint
    return {"model": Model, "data": Data}.get(name)


def _text(node: MappingNode, key: str) -> str:
    value = node.entries.get(key)
    return value.text.lower() if isinstance(value, ScalarNode) else ""
