"""A Databricks workspace to begin with, for tests that are about something else."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.emulator import addresses
from tests.emulator.databricks.run_state import FINAL
from tests.emulator.databricks.securables import CATALOG, MODEL, SCHEMA, VOLUME
from tests.emulator.databricks.service import Databricks
from tests.emulator.databricks.sign_in import AUDIENCE, USERS, User
from tests.emulator.emulator import Emulator
from tests.emulator.messages import request
from tests.emulator.seed import LOCATION, put

CATALOG_NAME, SCHEMA_NAME, VOLUME_NAME = "lake", "scoring", "files"
STORAGE = "abfss://lake@lake.dfs.core.azure.test/"  # where the catalog may keep things
EXPERIMENTS = "/Shared/batch-scoring-lake"
WHEEL = "wheels/batch_scoring_runner-0.1.0-py3-none-any.whl"
CLUSTER: dict[str, Any] = {
    "cluster_name": "training",
    "spark_version": "17.3.x-cpu-ml-scala2.13",
    "node_type_id": "Standard_D4ds_v5",
    "kind": "CLASSIC_PREVIEW",
    "is_single_node": True,
    "data_security_mode": "SINGLE_USER",
    "autotermination_minutes": 20,
}

_ALL_PURPOSE = ("cluster_name", "autotermination_minutes")  # what clusters of jobs don't have


@dataclass
class SeededLake:
    """A workspace with a catalog, a schema, a volume, a cluster and a folder for experiments."""

    emulator: Emulator
    databricks: Databricks
    resource_group: str
    name: str
    resource_id: str
    host: str  # with https://
    workspace_id: str
    cluster_id: str = ""
    endpoints: dict[str, dict[str, Any]] = field(default_factory=dict)  # as the output has them

    @property
    def schema(self) -> str:
        """Return the schema's full name, which the names of models begin with."""
        return f"{CATALOG_NAME}.{SCHEMA_NAME}"

    @property
    def volume(self) -> str:
        """Return the volume's path, as the Files API and runs have it."""
        return f"/Volumes/{CATALOG_NAME}/{SCHEMA_NAME}/{VOLUME_NAME}"

    @property
    def wheel(self) -> str:
        """Return the path of the runner's wheel in the volume; nothing lies there at first."""
        return f"{self.volume}/{WHEEL}"

    def token(self) -> str:
        """Make a token for the workspace."""
        return self.emulator.cloud.tokens.issue(AUDIENCE)

    def user(self) -> User:
        """Return the user that signs in."""
        store = self.databricks.store(self.workspace_id)
        return User(**store.all(USERS)[0])

    def local(self, path: str) -> Path:
        """Give the place on this machine of a path such as `/Volumes/...` or `/Models/...`."""
        return self.databricks.files(self.workspace_id) / path.strip("/")

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Ask the workspace without network, faults or a place in the log: status and answer.

        A body of bytes is sent as it is; an answer that is not JSON is given as bytes.
        """
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        sent = body if isinstance(body, bytes) else b"" if body is None else _encoded(body)
        signed = {"Authorization": f"Bearer {self.token()}", "Content-Type": kind}
        asked = request(method, self.host + path, {**signed, **(headers or {})}, sent)
        answered = self.emulator.answer(asked)
        kind = answered.headers.get("Content-Type", "")
        return answered.status, answered.json() if "json" in kind else answered.body

    def do(
        self, method: str, path: str, body: Mapping[str, Any] | bytes | None = None
    ) -> dict[str, Any]:
        """Ask, and give the answer. Raises `AssertionError` when it is refused."""
        status, answered = self.ask(method, path, body)
        if status >= 300:
            raise AssertionError(f"{method} {path}: {status} {answered}")
        return answered if isinstance(answered, dict) else {}

    def put_file(self, path: str, content: bytes) -> None:
        """Write a file of the volume; `path` is below the volume's root."""
        self.do("PUT", f"/api/2.0/fs/files{self.volume}/{path}", content)

    def wait(self, run_id: int, seconds: float = 60) -> dict[str, Any]:
        """Wait until a run has ended, and give it. Raises `AssertionError` when it takes longer."""
        deadline = time.monotonic() + seconds
        while True:
            run = self.do("GET", f"/api/2.2/jobs/runs/get?run_id={run_id}")
            if run["state"]["life_cycle_state"] in FINAL:
                return run
            if time.monotonic() > deadline:
                raise AssertionError(f"run {run_id} has not ended: {run['state']}")
            time.sleep(0.02)

    def add_batch_deployment(
        self,
        endpoint: str,
        deployment: str,
        model: str,
        *,
        default: bool = True,
        packages: Sequence[str] = (),
    ) -> int:
        """Declare the job of a batch deployment as the stack does, and give its number.

        `model` is such as `models:/lake.scoring.penguin-predictor/1`.
        """
        name = f"{endpoint}-{deployment}"
        cluster = {name: value for name, value in CLUSTER.items() if name not in _ALL_PURPOSE}
        pypi = [{"pypi": {"package": package}} for package in packages]
        task = {
            "task_key": "score",
            "job_cluster_key": "score",
            "python_wheel_task": {
                "package_name": "batch_scoring_runner",
                "entry_point": "score",
                "parameters": ["{{job.parameters.request}}", "{{job.parameters.model}}"],
            },
            "libraries": [{"whl": self.wheel}, *pypi],
        }
        body = {
            "name": name,
            "max_concurrent_runs": 1,
            "queue": {"enabled": True},
            "parameters": [
                {"name": "request", "default": ""},
                {"name": "model", "default": model},
            ],
            "job_clusters": [{"job_cluster_key": "score", "new_cluster": cluster}],
            "tasks": [task],
        }
        job_id: int = self.do("POST", "/api/2.2/jobs/create", body)["job_id"]
        told = self.endpoints.setdefault(
            endpoint,
            {"kind": "batch", "name": endpoint, "deployments": [], "default": None, "jobs": {}},
        )
        told["deployments"].append(deployment)
        told["jobs"][deployment] = {"job_id": job_id, "model": model}
        if default:
            told["default"] = deployment
        return job_id

    def register_model(self, name: str, folder: Path) -> str:
        """Make a version of a model of the schema from a folder with an MLflow model.

        Goes by the interface that MLflow's client uses, without that client. Gives the version.
        """
        full_name, registry = f"{self.schema}.{name}", "/api/2.0/mlflow/unity-catalog"
        if self.ask("GET", f"/api/2.1/unity-catalog/models/{full_name}")[0] == 404:
            self.do("POST", f"{registry}/registered-models/create", {"name": full_name})
        begun = {"name": full_name, "source": folder.as_uri()}
        made = self.do("POST", f"{registry}/model-versions/create", begun)["model_version"]
        version = str(made["version"])
        place = f"/api/2.0/fs/files/Models/{full_name.replace('.', '/')}/{version}"
        for file in folder.rglob("*"):
            if file.is_file():
                self.do("PUT", f"{place}/{file.relative_to(folder)}", file.read_bytes())
        ended = {"name": full_name, "version": version}
        self.do("POST", f"{registry}/model-versions/finalize", ended)
        return version

    def add_online_endpoint(
        self, endpoint: str, deployments: Mapping[str, tuple[str, str]], traffic: Mapping[str, int]
    ) -> None:
        """Declare a serving endpoint as the stack does; it becomes ready by itself.

        `deployments` has a model's full name and its version by the deployment's name.
        """
        entities = [
            {
                "name": name,
                "entity_name": model,
                "entity_version": version,
                "workload_size": "Small",
                "scale_to_zero_enabled": True,
            }
            for name, (model, version) in deployments.items()
        ]
        routes = [
            {"served_model_name": name, "traffic_percentage": share}
            for name, share in traffic.items()
        ]
        config = {"served_entities": entities, "traffic_config": {"routes": routes}}
        self.do("POST", "/api/2.0/serving-endpoints", {"name": endpoint, "config": config})
        self.endpoints[endpoint] = {
            "kind": "online",
            "name": endpoint,
            "scoring_uri": f"{self.host}/serving-endpoints/{endpoint}/invocations",
            "deployments": list(deployments),
            "traffic": dict(traffic),
        }

    def outputs(self) -> dict[str, Any]:
        """Return what the stack of this workspace gives to the runner."""
        return {
            "schema_version": 1,
            "platform": "databricks",
            "stack": "lake",
            "subscription_id": self.emulator.cloud.subscription,
            "resource_group": self.resource_group,
            "workspace": self.name,
            "location": LOCATION,
            "cloud": addresses.CLOUD,
            "resource_id": self.resource_id,
            "host": self.host,
            "workspace_id": self.workspace_id,
            "catalog": CATALOG_NAME,
            "schema": SCHEMA_NAME,
            "volume": self.volume,
            "experiments": EXPERIMENTS,
            "wheel": self.wheel,
            "clusters": {"training": {"cluster_id": self.cluster_id}},
            "endpoints": self.endpoints,
        }

    def lose_rights(self) -> None:
        """Let the user own nothing any more and be no administrator: only grants count."""
        store = self.databricks.store(self.workspace_id)
        with store.state.transaction():
            for kind in (CATALOG, SCHEMA, VOLUME, MODEL):
                for thing in store.all(kind):
                    store.put(kind, thing["full_name"], thing | {"owner": "owner@azure.test"})
            for user in store.all(USERS):
                store.put(USERS, user["object_id"], user | {"admin": False})

    def grant(self, kind: str, name: str, privileges: Sequence[str]) -> None:
        """Grant privileges to the user, whatever rights it has; `kind` is of `securables`."""
        store = self.databricks.store(self.workspace_id)
        principal = self.emulator.cloud.application.client
        store.put("grants", f"{kind}/{name}", {"grants": {principal: list(privileges)}})


def _encoded(body: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(body)).encode()


def seed_lake(
    emulator: Emulator, databricks: Databricks, resource_group: str, name: str = "lake"
) -> SeededLake:
    """Create a resource group with a Databricks workspace, and what a project needs in it."""
    group = f"/subscriptions/{emulator.cloud.subscription}/resourceGroups/{resource_group}"
    resource_id = f"{group}/providers/Microsoft.Databricks/workspaces/{name}"
    put(emulator, group, {"location": LOCATION})
    managed = f"{group}-managed"
    body = {
        "location": LOCATION,
        "sku": {"name": "premium"},
        "properties": {"computeMode": "Hybrid", "managedResourceGroupId": managed},
    }
    properties = put(emulator, resource_id, body)["properties"]
    lake = SeededLake(
        emulator,
        databricks,
        resource_group,
        name,
        resource_id,
        f"https://{properties['workspaceUrl']}",
        properties["workspaceId"],
    )
    joining = {
        "X-Databricks-Azure-Workspace-Resource-Id": resource_id,
        "X-Databricks-Azure-SP-Management-Token": emulator.cloud.tokens.issue(addresses.MANAGEMENT),
    }
    lake.ask("GET", "/api/2.0/preview/scim/v2/Me", headers=joining)
    catalog = "/api/2.1/unity-catalog"
    connector = f"{group}/providers/Microsoft.Databricks/accessConnectors/{name}"
    identity = {"type": "SystemAssigned"}
    put(emulator, connector, {"location": LOCATION, "identity": identity})
    credential = {
        "name": CATALOG_NAME,
        "azure_managed_identity": {"access_connector_id": connector},
    }
    lake.do("POST", f"{catalog}/storage-credentials", credential)
    location = {"name": CATALOG_NAME, "url": STORAGE, "credential_name": CATALOG_NAME}
    lake.do("POST", f"{catalog}/external-locations", location)
    lake.do("POST", f"{catalog}/catalogs", {"name": CATALOG_NAME, "storage_root": STORAGE})
    place = {"catalog_name": CATALOG_NAME}
    lake.do("POST", f"{catalog}/schemas", {**place, "name": SCHEMA_NAME})
    place["schema_name"] = SCHEMA_NAME
    volume = {**place, "name": VOLUME_NAME, "volume_type": "MANAGED"}
    lake.do("POST", f"{catalog}/volumes", volume)
    lake.do("POST", "/api/2.0/workspace/mkdirs", {"path": EXPERIMENTS})
    lake.cluster_id = lake.do("POST", "/api/2.1/clusters/create", CLUSTER)["cluster_id"]
    return lake
