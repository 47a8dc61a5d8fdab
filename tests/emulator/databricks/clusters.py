"""All-purpose clusters: documents that become RUNNING after a while, and end when idle."""

from __future__ import annotations

import secrets
import time
from typing import Any

from tests.emulator.databricks.policies import check_policy
from tests.emulator.databricks.refusals import Refused, invalid, wrong_state
from tests.emulator.databricks.service import Ask, Databricks, Endpoint, paged
from tests.emulator.databricks.store import Document, Store

CLUSTERS = "clusters"
NODE_TYPES = {  # name: cores, gibibytes
    "Standard_D4ds_v5": (4, 16),
    "Standard_D8ds_v5": (8, 32),
    "Standard_D16ds_v5": (16, 64),
    "Standard_DS3_v2": (4, 14),
    "Standard_E4ds_v5": (4, 32),
}
SPARK_VERSIONS = {
    "17.3.x-scala2.13": "17.3 LTS (includes Apache Spark 4.0.0, Scala 2.13)",
    "17.3.x-cpu-ml-scala2.13": "17.3 LTS ML (includes Apache Spark 4.0.0, Scala 2.13)",
    "16.4.x-scala2.12": "16.4 LTS (includes Apache Spark 3.5.2, Scala 2.12)",
    "16.4.x-cpu-ml-scala2.12": "16.4 LTS ML (includes Apache Spark 3.5.2, Scala 2.12)",
    "15.4.x-cpu-ml-scala2.12": "15.4 LTS ML (includes Apache Spark 3.5.0, Scala 2.12)",
}
ALIVE = ("PENDING", "RUNNING")
_MODES = (
    "SINGLE_USER",
    "USER_ISOLATION",
    "DATA_SECURITY_MODE_AUTO",
    "DATA_SECURITY_MODE_DEDICATED",
    "DATA_SECURITY_MODE_STANDARD",
    "NONE",
)
# What the service answers with, of which newer kind a cluster may be:
# https://github.com/databricks/terraform-provider-databricks/issues/4909
_OLDER = {
    "DATA_SECURITY_MODE_DEDICATED": "SINGLE_USER",
    "DATA_SECURITY_MODE_STANDARD": "USER_ISOLATION",
}
_QUOTA = {
    "code": "AZURE_QUOTA_EXCEEDED_EXCEPTION",
    "type": "CLIENT_ERROR",
    "parameters": {
        "azure_error_code": "QuotaExceeded",
        "azure_error_message": "Operation could not be completed as it results in exceeding"
        " approved Total Regional Cores quota. Additional details - Current Limit: 10, Current"
        " Usage: 8, Additional Required: 4.",
    },
}
# What of a cluster is not its specification.
_COMPUTED = ("state", "state_message", "begun", "ended", "used", "termination_reason", "pinned")
_KEPT = ("cluster_id", "creator_user_name", "start_time", "cluster_source")


def check_specification(ask: Ask, given: Document, where: str = "") -> Document:
    """Check a cluster's specification and fill in what is left out. Raises `Refusal`.

    `where` begins messages about a cluster that is declared inside something else.
    """
    version, node = given.get("spark_version"), given.get("node_type_id")
    if not version:
        raise invalid(f"{where}Missing required field: spark_version")
    if version not in SPARK_VERSIONS:
        raise invalid(f"{where}Invalid spark version {version}.")
    if not node and not given.get("instance_pool_id"):
        raise invalid(f"{where}Missing required field: node_type_id")
    if node and node not in NODE_TYPES:
        known = ", ".join(NODE_TYPES)
        raise invalid(f"{where}Node type {node} is not supported. Supported node types: {known}")
    _check_size(given, where)
    mode = given.get("data_security_mode")
    if mode is not None and mode not in _MODES:
        raise invalid(f"{where}data_security_mode '{mode}' is not supported.")
    minutes = given.get("autotermination_minutes", 0)
    if minutes and not 10 <= minutes <= 43200:
        raise invalid(
            f"{where}The cluster auto-termination time must be between 10 and 43200 minutes."
        )
    check_policy(ask, given)
    defaults = {"driver_node_type_id": node, "num_workers": 0, "enable_elastic_disk": True}
    return {**defaults, **given, **({"data_security_mode": _OLDER.get(mode, mode)} if mode else {})}


def _check_size(given: Document, where: str) -> None:
    scale = given.get("autoscale")
    if scale is not None and not scale.get("min_workers", 0) <= scale.get("max_workers", 0):
        raise invalid(f"{where}max_workers must not be less than min_workers.")
    single = (
        given.get("is_single_node")
        or (given.get("spark_conf") or {}).get("spark.databricks.cluster.profile") == "singleNode"
    )
    if scale is None and not given.get("num_workers") and not single:
        raise invalid(
            f"{where}num_workers must be set to 1 or more, or the cluster be a single node by"
            " is_single_node."
        )
    if single and (scale is not None or given.get("num_workers")):
        raise invalid(f"{where}A single node cluster can't have workers.")
    if given.get("is_single_node") and given.get("kind") != "CLASSIC_PREVIEW":
        raise invalid(f"{where}is_single_node can only be used with kind = CLASSIC_PREVIEW.")


def seen(databricks: Databricks, store: Store, cluster: Document) -> Document:
    """Give a cluster as it stands now: it starts and ends by the clock."""
    now, state = time.time(), cluster["state"]
    switches = databricks.switches
    if state == "PENDING" and now >= cluster["begun"] + switches.seconds_to_start:
        if switches.quota_exceeded:
            return _end(store, cluster, _QUOTA)
        return _write(store, cluster, state="RUNNING", state_message="", used=now)
    idle = cluster.get("autotermination_minutes") or 0
    if state == "RUNNING" and idle and now > cluster["used"] + 60 * idle:
        reason = {
            "code": "INACTIVITY",
            "type": "SUCCESS",
            "parameters": {"inactivity_duration_min": str(idle)},
        }
        return _end(store, cluster, reason)
    return cluster


def start_cluster(store: Store, cluster: Document) -> Document:
    """Begin to start a cluster."""
    now = time.time()
    return _write(
        store,
        {name: value for name, value in cluster.items() if name != "termination_reason"},
        state="PENDING",
        state_message="Starting Spark",
        begun=now,
        start_time=int(now * 1000),
    )


def use(store: Store, cluster_id: str) -> None:
    """Note that a cluster is not idle."""
    found = store.get(CLUSTERS, cluster_id)
    if found is not None:
        _write(store, found, used=time.time())


def end_job_cluster(store: Store, cluster_id: str) -> None:
    """End a job's cluster, unless it has; it can be looked at afterwards."""
    found = store.get(CLUSTERS, cluster_id)
    if found is not None and found["state"] in ALIVE:
        _end(store, found, {"code": "JOB_FINISHED", "type": "SUCCESS", "parameters": {}})


def require_cluster(ask: Ask, cluster_id: str) -> Document:
    """Find a cluster. Raises `Refusal`, of status 400 as the service does it."""
    found = ask.store.get(CLUSTERS, cluster_id)
    if found is None:
        raise invalid(f"Cluster {cluster_id} does not exist")
    return seen(ask.databricks, ask.store, found)


def new_cluster_id(store: Store) -> str:
    """Make up an id."""
    stamp = time.strftime("%m%d-%H%M%S", time.gmtime())
    return f"{stamp}-{secrets.token_hex(4)}"


def _write(store: Store, cluster: Document, **fields: Any) -> Document:
    return store.put(CLUSTERS, cluster["cluster_id"], cluster | fields)


def _end(store: Store, cluster: Document, reason: Document) -> Document:
    message = str(reason["parameters"].get("azure_error_message", ""))
    return _write(
        store,
        cluster,
        state="TERMINATED",
        state_message=message,
        ended=time.time(),
        termination_reason=reason,
    )


def _told(cluster: Document) -> dict[str, Any]:
    told = {name: value for name, value in cluster.items() if name not in ("begun", "pinned")}
    spec = {name: value for name, value in cluster.items() if name not in (*_COMPUTED, *_KEPT)}
    told["last_activity_time"] = int(1000 * told.pop("used", 0))
    if "ended" in told:
        told["terminated_time"] = int(1000 * told.pop("ended"))
    node = NODE_TYPES.get(cluster.get("node_type_id") or "")
    if node and cluster["state"] == "RUNNING":
        nodes = 1 + int(cluster.get("num_workers") or 0)
        told["cluster_cores"] = float(nodes * node[0])
        told["cluster_memory_mb"] = nodes * node[1] * 1024
        told["executors"] = []
        told["spark_context_id"] = 1
    return {**told, "spec": spec}


def create(ask: Ask) -> dict[str, Any]:
    """Create a cluster, which starts."""
    specification = check_specification(ask, ask.body)
    cluster_id = new_cluster_id(ask.store)
    name = specification.get("cluster_name") or ""
    minutes = ask.body.get("autotermination_minutes", 120)
    made = {
        **specification,
        "cluster_name": name,
        "autotermination_minutes": minutes,
        "cluster_id": cluster_id,
        "creator_user_name": ask.user.name,
        "cluster_source": "API",
        "used": time.time(),
    }
    start_cluster(ask.store, made)
    return {"cluster_id": cluster_id}


def get(ask: Ask) -> dict[str, Any]:
    """Give a cluster."""
    return _told(require_cluster(ask, ask.asked("cluster_id")))


def edit(ask: Ask) -> dict[str, Any]:
    """Give a cluster another specification; one that runs starts again."""
    found = require_cluster(ask, str(ask.required("cluster_id")))
    if found["state"] not in ("RUNNING", "TERMINATED"):
        raise _unexpected(found)
    sent = {name: value for name, value in ask.body.items() if name != "cluster_id"}
    specification = check_specification(ask, sent)
    kept = {name: found[name] for name in (*_COMPUTED, *_KEPT) if name in found}
    minutes = sent.get("autotermination_minutes", 120)
    changed = {**specification, "autotermination_minutes": minutes, **kept}
    ask.store.put(CLUSTERS, found["cluster_id"], changed)
    if found["state"] == "RUNNING":
        start_cluster(ask.store, changed)
    return {}


def start(ask: Ask) -> dict[str, Any]:
    """Start a cluster that has ended."""
    found = require_cluster(ask, str(ask.required("cluster_id")))
    if found["state"] != "TERMINATED":
        raise _unexpected(found)
    start_cluster(ask.store, found)
    return {}


def delete(ask: Ask) -> dict[str, Any]:
    """End a cluster; it stays in the list."""
    found = require_cluster(ask, str(ask.required("cluster_id")))
    if found["state"] != "TERMINATED":
        who = {"username": ask.user.name}
        _end(ask.store, found, {"code": "USER_REQUEST", "type": "SUCCESS", "parameters": who})
    return {}


def permanent_delete(ask: Ask) -> dict[str, Any]:
    """Remove a cluster."""
    found = require_cluster(ask, str(ask.required("cluster_id")))
    ask.store.delete(CLUSTERS, found["cluster_id"])
    return {}


def pin(ask: Ask) -> dict[str, Any]:
    """Keep a cluster in the list for good, as all are here."""
    require_cluster(ask, str(ask.required("cluster_id")))
    return {}


def list_all(ask: Ask) -> dict[str, Any]:
    """List the clusters."""
    found = [seen(ask.databricks, ask.store, cluster) for cluster in ask.store.all(CLUSTERS)]
    return paged(ask, "clusters", [_told(cluster) for cluster in found], asked="page_size")


def node_types(ask: Ask) -> dict[str, Any]:
    """List the kinds of machines."""
    return {
        "node_types": [
            {
                "node_type_id": name,
                "instance_type_id": name,
                "num_cores": float(cores),
                "memory_mb": gibibytes * 1024,
                "description": name,
                "category": "General Purpose",
                "is_deprecated": False,
                "is_hidden": False,
            }
            for name, (cores, gibibytes) in NODE_TYPES.items()
        ]
    }


def spark_versions(ask: Ask) -> dict[str, Any]:
    """List the runtimes."""
    return {"versions": [{"key": key, "name": name} for key, name in SPARK_VERSIONS.items()]}


def _unexpected(cluster: Document) -> Refused:
    state = cluster["state"].capitalize()
    return wrong_state(f"Cluster {cluster['cluster_id']} is in unexpected state {state}.")


_ENDPOINTS = (
    ("POST", "create", create),
    ("POST", "edit", edit),
    ("POST", "start", start),
    ("POST", "delete", delete),
    ("POST", "permanent-delete", permanent_delete),
    ("POST", "pin", pin),
    ("POST", "unpin", pin),
    ("GET", "get", get),
    ("GET", "list", list_all),
    ("GET", "list-node-types", node_types),
    ("GET", "spark-versions", spark_versions),
)
ENDPOINTS = tuple(
    Endpoint(method, f"/api/{version}/clusters/{name}", answerer)
    for version in ("2.0", "2.1")
    for method, name, answerer in _ENDPOINTS
)
