"""Each role of a deployed stack is taken away once, and what needs it fails in Azure's words.

What is said is what docs/guides/access.md says, row by row.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.emulator import Emulator, addresses
from tests.emulator.authorization import ASSIGNMENT
from tests.emulator.batch.fixtures import require_blobs
from tests.emulator.batch.plugged import scoring
from tests.emulator.blobs import Blobs
from tests.emulator.holding import hold
from tests.emulator.messages import Response, request
from tests.emulator.operations import FINAL_STATES
from tests.emulator.state import Resource
from tests.infra.engine.deploying import ENDPOINTS, deploy_platform, endpoint_of, workspace_of
from tests.infra.engine.stack import Pulumi, Stack, make_project, make_stack
from tests.infra.roles import (
    COLLECTOR,
    CONNECTION,
    PROD,
    SECRET,
    Assigned,
    assigned,
    documented,
    said,
)
from tests.projects import ROOT

API_VERSION = "2024-10-01"
FINAL = ("Completed", "Failed", "Canceled")
UNSEEN = {row for row, without in documented().items() if without.startswith("not shown")}


@dataclass
class Scene:
    """A managed production that is deployed, asked from inside of its network."""

    stack: Stack
    emulator: Emulator
    blobs: Blobs
    workspace: str  # ids
    batch: str
    online: str
    roles: dict[Assigned, Resource] = field(default_factory=dict)
    jobs: list[str] = field(default_factory=list)  # that have run, by name
    made: int = 0

    @property
    def group(self) -> str:
        """Return the id of the resource group."""
        return self.workspace.partition("/providers/")[0]

    def resource(self, key: str) -> Resource:
        found = self.emulator.cloud.state.get(key)
        assert found is not None
        return found

    def ask(self, method: str, address: str, audience: str, body: Any = None) -> Response:
        """Ask a service with a token, as everybody does."""
        token = self.emulator.cloud.tokens.issue(audience)
        content = b"" if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {token}"}
        return self.emulator.answer(request(method, address, headers, content))

    def put(self, key: str, body: dict[str, Any]) -> str:
        """Put a resource, wait for it, and say what Azure said no to; nothing where it did not."""
        address = f"{addresses.MANAGEMENT}{key}?api-version={API_VERSION}"
        answered = self.ask("PUT", address, addresses.MANAGEMENT, body)
        if answered.status not in (200, 201):
            return json.dumps(answered.json(), ensure_ascii=False)
        polled = answered.headers.get("Azure-AsyncOperation")
        while polled:
            status = self.ask("GET", polled, addresses.MANAGEMENT).json()
            if status["status"] in FINAL_STATES:
                return json.dumps(status.get("error", ""), ensure_ascii=False).strip('"')
        return ""

    def put_again(self, key: str) -> str:
        """Put a resource as it is."""
        body = {name: value for name, value in self.resource(key).body.items() if name != "etag"}
        return self.put(key, body)

    @contextmanager
    def without(self, role: Assigned) -> Iterator[None]:
        """Take a role away until the block ends."""
        state, taken = self.emulator.cloud.state, self.roles[role]
        state.delete(taken.key)
        try:
            yield
        finally:
            scope = taken.properties["scope"]
            state.put(scope, ASSIGNMENT, taken.body, taken.secrets)


def change_workspace(scene: Scene) -> str:
    return scene.put_again(scene.workspace)


def make_workspace(scene: Scene) -> str:
    """Make another workspace with a managed network, over the same services."""
    scene.made += 1
    body = scene.resource(scene.workspace).body
    kept = {key: body[key] for key in ("location", "identity", "kind", "sku")}
    computed = ("workspaceId", "tenantId", "discoveryUrl", "mlFlowTrackingUri")
    properties = {key: text for key, text in body["properties"].items() if key not in computed}
    network = {"isolationMode": properties["managedNetwork"]["isolationMode"]}
    properties |= {"managedNetwork": network, "provisionNetworkNow": True}
    parent = scene.workspace.rpartition("/")[0]
    return scene.put(f"{parent}/another-{scene.made}", {**kept, "properties": properties})


def read_logs(scene: Scene) -> str:
    """Read the details of a job that has run, with the addresses of its logs."""
    host = addresses.workspace_api(scene.resource(scene.workspace).body["location"])
    address = f"{host}/history/v1.0{scene.workspace}/runs/{scene.jobs[0]}/details"
    answered = scene.ask("GET", address, addresses.ML_RESOURCE)
    return "" if answered.status == 200 else answered.body.decode()


def make_connection(scene: Scene) -> str:
    properties = {
        "category": "ApiKey",
        "authType": "ApiKey",
        "target": "https://api.example.org",
        "credentials": {"key": "0123"},
    }
    return scene.put(f"{scene.workspace}/connections/openai", {"properties": properties})


def change_cluster(scene: Scene) -> str:
    return scene.put_again(f"{scene.workspace}/computes/cpu-cluster")


def run_job(scene: Scene) -> str:
    """Score two files with the default deployment, to the job's end."""
    item = {"jobInputType": "UriFolder", "uri": "azureml://datastores/workspaceblobstore/paths/in/"}
    address = scene.resource(scene.batch).properties["scoringUri"]
    asked = {"properties": {"inputData": {"data": item}}}
    answered = scene.ask("POST", address, addresses.ML_RESOURCE, asked)
    assert answered.status == 201, answered.body
    scene.jobs.append(answered.json()["name"])
    job = f"{scene.workspace}/jobs/{scene.jobs[-1]}"
    deadline = time.monotonic() + 120
    while (properties := scene.resource(job).properties)["status"] not in FINAL:
        assert time.monotonic() < deadline, properties
        time.sleep(0.02)
    return json.dumps(properties.get("error", "")).strip('"')


def make_deployment(scene: Scene, **properties: Any) -> str:
    """Make an online deployment like the one that is there, and take it away again."""
    scene.made += 1
    blue = scene.resource(f"{scene.online}/deployments/blue").body
    known = ("provisioningState", "properties")
    kept = {key: value for key, value in blue["properties"].items() if key not in known}
    key = f"{scene.online}/deployments/made-{scene.made}"
    body = {"location": blue["location"], "sku": blue["sku"]}
    refused = scene.put(key, {**body, "properties": {**kept, **properties}})
    scene.emulator.cloud.state.delete(key)
    return refused


def collect(scene: Scene) -> str:
    collections = {"model_inputs": {"dataCollectionMode": "Enabled", "samplingRate": 1.0}}
    return make_deployment(scene, dataCollector={"collections": collections})


NEEDS: dict[Assigned, Callable[[Scene], str]] = {
    ("workspace", "Contributor", "storage"): change_workspace,
    ("workspace", "Storage Blob Data Contributor", "storage"): read_logs,
    ("workspace", "Contributor", "vault"): change_workspace,
    ("workspace", "Key Vault Administrator", "vault"): make_connection,
    ("workspace", "Contributor", "registry"): change_workspace,
    ("workspace", "Contributor", "insights"): change_workspace,
    ("workspace", "Contributor", "workspace"): change_cluster,
    ("workspace", "Azure AI Enterprise Network Connection Approver", "group"): make_workspace,
    ("clusters", "Storage Blob Data Contributor", "storage"): run_job,
    ("clusters", "Storage Queue Data Contributor", "storage"): run_job,
    ("clusters", "Storage Table Data Contributor", "storage"): run_job,
    ("clusters", "AcrPull", "registry"): run_job,
    ("builder", "Storage Blob Data Contributor", "storage"): make_deployment,
    ("builder", "AcrPush", "registry"): make_deployment,
    ("endpoints", "Storage Blob Data Reader", "storage"): make_deployment,
    ("endpoints", "AcrPull", "registry"): make_deployment,
    CONNECTION: make_deployment,
    SECRET: make_deployment,
}


@pytest.fixture(scope="module")
def scene(pulumi: Pulumi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    require_blobs()
    folder = tmp_path_factory.mktemp("roles")
    with Emulator.start(folder / "cloud") as emulator, scoring(emulator) as blobs:
        yield _deployed(pulumi, emulator, blobs, folder)


def _deployed(pulumi: Pulumi, emulator: Emulator, blobs: Blobs, folder: Path) -> Scene:
    stack = make_stack(pulumi, emulator, make_project(folder / "project"), "prod")
    deploy_platform(stack, emulator)
    runner = stack.outputs()["runner"]
    subscription = f"/subscriptions/{emulator.cloud.subscription}"
    workspace = subscription + workspace_of(runner)
    found = emulator.cloud.state.get(workspace)
    assert found is not None
    vault = found.properties["keyVault"].rpartition("/")[2]
    config = stack.config()
    config[ENDPOINTS]["diabetes-online"]["deployments"]["blue"]["environment_variables"] = {
        "KEY": "${{azureml://connections/openai/credentials/key}}",
        "TOKEN": f"${{{{keyvault:https://{vault}.vault.azure.net/secrets/token}}}}",
    }
    stack.write(config)
    stack.up()
    outputs = stack.outputs()["runner"]
    batch, online = (
        subscription + endpoint_of(outputs, f"diabetes-{kind}") for kind in ("batch", "online")
    )
    scene = Scene(stack, emulator, blobs, workspace, batch, online)
    _enter_network(scene)
    _upload(scene)
    scene.roles = _roles(scene)
    assert run_job(scene) == ""
    return scene


def _enter_network(scene: Scene) -> None:
    """Have the data planes answer here, as they do inside of the managed network."""
    state = scene.emulator.cloud.state
    workspace = scene.resource(scene.workspace)
    for key in (scene.workspace, workspace.properties["storageAccount"]):
        opened: dict[str, Any] = {"publicNetworkAccess": "Enabled"}
        if key != scene.workspace:
            opened["networkAcls"] = {"defaultAction": "Allow"}
        state.update(scene.resource(key), opened)


def _upload(scene: Scene) -> None:
    """Put the model where it is registered, and what is scored beside it."""
    store = scene.resource(f"{scene.workspace}/datastores/workspaceblobstore").properties
    client = scene.blobs.client(store["accountName"])
    container = client.get_container_client(store["containerName"])
    inputs = sorted((ROOT / "data/diabetes/unlabeled").iterdir())[:2]
    for folder, files in (("nowhere", (ROOT / "models/diabetes/model").rglob("*")), ("in", inputs)):
        for file in files:
            if file.is_file():
                container.upload_blob(f"{folder}/{file.name}", file.read_bytes())


def _roles(scene: Scene) -> dict[Assigned, Resource]:
    state = scene.emulator.cloud.state
    principals = {
        identity.properties["principalId"]: identity.body["name"].rpartition("-")[2]
        for identity in state.of_type("Microsoft.ManagedIdentity/userAssignedIdentities")
    }
    return {
        assigned(principals, assignment.properties): assignment
        for assignment in state.of_type(ASSIGNMENT, below=scene.group)
    }


def test_with_all_of_its_roles_everything_works(scene: Scene) -> None:
    assert scene.roles.keys() == PROD | {CONNECTION, SECRET}
    assert scene.jobs  # one has completed
    others = {*NEEDS.values()} - {run_job}
    assert {need.__name__: need(scene) for need in others} == {need.__name__: "" for need in others}


def test_every_role_is_needed_or_it_is_said_that_nothing_shows_it() -> None:
    assert NEEDS.keys() | UNSEEN == PROD | {CONNECTION, SECRET}


@pytest.mark.parametrize("role", NEEDS, ids=" ".join)
def test_without_a_role_what_needs_it_fails_as_the_page_says(scene: Scene, role: Assigned) -> None:
    with scene.without(role):
        refused = NEEDS[role](scene)
    words = said(documented()[role])
    assert words
    assert [word for word in words if word not in refused] == [], refused


def test_what_collects_needs_a_role_that_comes_with_it(scene: Scene) -> None:
    refused = collect(scene)
    words = said(documented()[COLLECTOR])
    assert [word for word in words if word not in refused] == [], refused


def test_a_reader_previews_and_changes_nothing(scene: Scene) -> None:
    with hold(scene.emulator, ("Reader", scene.group)):
        assert scene.stack.preview().changed == []
        assert "AuthorizationFailed" in change_cluster(scene)


def test_a_contributor_deploys_all_but_roles(scene: Scene) -> None:
    group = scene.group
    role = scene.roles["clusters", "AcrPull", "registry"].key
    with hold(scene.emulator, ("Contributor", group)):
        assert change_cluster(scene) == ""
        assert "roleassignments/write" in scene.put_again(role).lower()
    administrator = "Role Based Access Control Administrator"
    with hold(scene.emulator, ("Contributor", group), (administrator, group)):
        assert scene.put_again(role) == ""
