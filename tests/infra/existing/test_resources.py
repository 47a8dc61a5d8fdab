"""A stack among resources that were there before it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.dynamic.resource_manager import Resource
from tests.infra.declaring import WORKSPACE
from tests.infra.mocks import SUBSCRIPTION, Program, run_program

OTHER = "22222222-2222-3333-4444-555555555555"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/theirs"
HUB = f"/subscriptions/{OTHER}/resourceGroups/hub/providers"
SERVICES = {
    "resource_group": GROUP,
    "storage": f"{GROUP}/providers/Microsoft.Storage/storageAccounts/given",
    "vault": f"{GROUP}/providers/Microsoft.KeyVault/vaults/given",
    "registry": f"{HUB}/Microsoft.ContainerRegistry/registries/given",
    "log_analytics": f"{HUB}/Microsoft.OperationalInsights/workspaces/given",
}
MADE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/running"
DECLARED = (
    *("resources:ResourceGroup", "storage:StorageAccount", "keyvault:Vault"),
    *("containerregistry:Registry", "operationalinsights:Workspace"),
)


def ran(
    project: Path, existing: dict[str, Any], keys: dict[str, Any] | None = None, **more: Any
) -> Program:
    config = yaml.safe_load((project / "Pulumi.dev.yaml").read_text())["config"] | (keys or {})
    text = yaml.safe_dump({"config": {"scoring:existing": existing, **config}}, sort_keys=False)
    return run_program(project, "test", text, **more)


def problems(
    project: Path, existing: dict[str, Any], keys: dict[str, Any] | None = None, **more: Any
) -> str:
    program = ran(project, existing, keys, **more)
    assert program.resources == ()
    assert program.error is not None
    return program.error


def scopes(program: Program) -> dict[str, str]:
    """Return the scope of each role assignment, by its name."""
    roles = program.of("authorization:RoleAssignment")
    return {role.name: role.inputs["scope"] for role in roles}


def test_a_stack_declares_nothing_that_is_there_and_refers_to_it(project: Path) -> None:
    program = ran(project, SERVICES)
    assert program.error is None
    assert [kind for kind in DECLARED if program.of(kind)] == []
    workspace = program.one(WORKSPACE).inputs
    assert workspace["resourceGroupName"] == "theirs"
    assert workspace["storageAccount"] == SERVICES["storage"]
    assert workspace["keyVault"] == SERVICES["vault"]
    assert workspace["containerRegistry"] == SERVICES["registry"]
    insights = program.one("applicationinsights:Component").inputs
    assert insights["workspaceResourceId"] == SERVICES["log_analytics"]
    assert program.outputs["runner"]["resource_group"] == "theirs"


def test_roles_on_what_is_there_are_given_by_the_stack_in_its_subscription(project: Path) -> None:
    program = ran(project, SERVICES)
    given = scopes(program)
    assert given["workspace-blob-data-contributor-on-storage"] == SERVICES["storage"]
    assert given["clusters-acr-pull-on-registry"] == SERVICES["registry"]
    pull = program.one("authorization:RoleAssignment", "clusters-acr-pull-on-registry")
    assert pull.inputs["roleDefinitionId"].startswith(f"/subscriptions/{OTHER}/providers")
    told = [message for level, message in program.logs if level == "info"]
    assert any(
        "scoring:existing.registry, scoring:existing.log_analytics: in another" in message
        for message in told
    )


def test_a_running_workspace_gets_clusters_endpoints_and_their_roles_only(project: Path) -> None:
    program = ran(project, {"workspace": MADE, "endpoints": {"diabetes-online": "live"}})
    assert program.error is None
    assert {resource.kind for resource in program.azure} == {
        "authorization:RoleAssignment",
        "machinelearningservices:BatchDeployment",
        "machinelearningservices:BatchEndpoint",
        "machinelearningservices:Compute",
        "machinelearningservices:EnvironmentVersion",
        "machinelearningservices:OnlineDeployment",
        "machinelearningservices:OnlineEndpoint",
        "managedidentity:UserAssignedIdentity",
    }
    online = program.one("machinelearningservices:OnlineEndpoint").inputs
    assert (online["resourceGroupName"], online["workspaceName"]) == ("theirs", "running")
    assert online["endpointName"] == "live"
    assert not [name for name in scopes(program) if name.startswith("workspace-")]
    assert scopes(program)["clusters-acr-pull-on-registry"].endswith("registries/theirs")
    runner = program.outputs["runner"]
    assert (runner["resource_group"], runner["workspace"]) == ("theirs", "running")
    assert runner["tracking_uri"].endswith(MADE)
    assert runner["endpoints"]["diabetes-online"]["name"] == "live"


@pytest.mark.parametrize(
    ("existing", "problem"),
    [
        pytest.param(
            {"vault": SERVICES["storage"]},
            "Pulumi.test.yaml:3: scoring:existing.vault: found the text '/subscript",
            id="an id of another type",
        ),
        pytest.param(
            {"vault": SERVICES["storage"]},
            "allowed: the id of a key vault: /subscriptions/…/resourceGroups/…/providers"
            "/Microsoft.KeyVault/vaults/…",
            id="the type that is wanted",
        ),
        pytest.param(
            {"resource_group": f"/subscriptions/{OTHER}/resourceGroups/theirs"},
            f"3: scoring:existing.resource_group: found one of subscription {OTHER}, allowed: of"
            f" the stack's own, {SUBSCRIPTION}",
            id="a group of another subscription",
        ),
        pytest.param(
            {"workspace": MADE, "storage": SERVICES["storage"]},
            "scoring:existing.storage: means nothing beside workspace, which has its own",
            id="a service of a workspace that has one",
        ),
        pytest.param(
            {"valt": SERVICES["vault"]},
            "3: scoring:existing.valt: unknown key; did you mean 'vault'?",
            id="a key that is misspelt",
        ),
        pytest.param(
            {"endpoints": {"diabetes-onlin": "live"}},
            "4: scoring:existing.endpoints.diabetes-onlin: no endpoint of that name is declared,"
            " allowed: diabetes-batch, diabetes-online",
            id="an endpoint that nobody declares",
        ),
        pytest.param(
            {"endpoints": {"diabetes-online": "a/b"}},
            "4: scoring:existing.endpoints.diabetes-online: found the text 'a/b', allowed: an"
            " endpoint's name on Azure",
            id="no name of an endpoint",
        ),
    ],
)
def test_what_can_not_be_is_refused_with_its_line(
    project: Path, existing: dict[str, Any], problem: str
) -> None:
    assert problem in problems(project, existing)


def test_a_running_workspace_gets_no_private_endpoints_as_its_services_are_not_the_stack_s(
    project: Path,
) -> None:
    network = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/ours/subnets/endpoints"
    keys = {"scoring:privateEndpoints": {"subnet": network}}
    found = problems(project, {"workspace": MADE}, keys)
    assert "scoring:privateEndpoints: means nothing beside scoring:existing.workspace" in found


class Azure:
    """Resource Manager, where only a workspace in Sweden is, which has a managed network."""

    def get(self, resource_id: str, api_version: str = "") -> Resource | None:
        if resource_id == MADE:
            network = {"isolationMode": "AllowOnlyApprovedOutbound"}
            body = {"location": "swedencentral", "properties": {"managedNetwork": network}}
            return Resource(body, None)
        return None


class Deployed(Azure):
    """Resource Manager, where every id is, and the stack's own workspace has these services."""

    def __init__(self, **services: str) -> None:
        self.services = services

    def get(self, resource_id: str, api_version: str = "") -> Resource | None:
        below = resource_id.rpartition("/workspaces/")[2]
        whole = "/Microsoft.MachineLearningServices/" in resource_id and "/" not in below
        return Resource({"properties": self.services if whole else {}}, None)


def test_a_deployed_stack_keeps_the_services_that_its_workspace_was_made_with(
    project: Path,
) -> None:
    made = {
        "storageAccount": ran(project, {}).one("storage:StorageAccount").id,
        "keyVault": SERVICES["vault"].upper(),  # as Azure may spell it
    }
    given = {"storage": SERVICES["storage"], "vault": SERVICES["vault"]}
    found = problems(project, given, manager=Deployed(**made))
    assert "3: scoring:existing.storage: would be given, and a workspace keeps what it was" in found
    assert "allowed: no such key" in found
    assert "existing.vault" not in found
    found = problems(project, {}, manager=Deployed(**made))
    assert "scoring:existing.vault: would be scoring-test-" in found
    assert f"was with GIVEN, allowed: {SERVICES['vault'].upper()}" in found


@pytest.mark.parametrize("key", ["resource_group", "workspace"])
def test_a_deployed_stack_does_not_move_as_its_workspace_would_be_deleted(
    project: Path, key: str
) -> None:
    existing = {key: {"resource_group": GROUP, "workspace": MADE}[key]}
    found = problems(project, existing, manager=Deployed())
    assert f"3: scoring:existing.{key}: would delete the stack's own workspace, scoring-t" in found


def test_a_stack_hands_its_own_workspace_over(project: Path) -> None:
    own = ran(project, {}).one(WORKSPACE).id
    refused = ran(project, {"workspace": own}, manager=Deployed()).error
    assert "would delete" not in str(refused)


def test_what_is_not_there_is_refused_before_anything_is_declared(project: Path) -> None:
    found = problems(project, {"vault": SERVICES["vault"]}, manager=Azure())
    assert f"3: scoring:existing.vault: there is no given of that id: {SERVICES['vault']}" in found


def test_the_region_and_the_isolation_of_a_running_workspace_are_its_own(project: Path) -> None:
    found = problems(project, {"workspace": MADE}, manager=Azure())
    assert "and the workspace is in swedencentral, allowed: swedencentral" in found
    assert "the workspace running, which this stack does not change, has managed" in found
