"""Azure's own refusals: status, code and words, each with the place where they were seen.

Where nobody has published the words, the place says that it is refused, and they are ours.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

import pytest

from tests.emulator import Emulator, addresses
from tests.emulator.emulator import API_VERSION
from tests.emulator.messages import Response, request
from tests.emulator.ml.jobs import put_job
from tests.emulator.seed import CLUSTER, LOCATION, SeededWorkspace, put, seed_model, seed_workspace

ENDPOINT: dict[str, Any] = {"location": LOCATION, "tags": {}}
AAD = {"authMode": "AADToken"}
KEY = {"authMode": "Key"}
IDENTITY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/i/i"


def refused(
    workspace: SeededWorkspace, method: str, path: str, body: Mapping[str, Any] | None = None
) -> tuple[int, str, str]:
    """Give status, code and message of the refusal of a request; a path may lie below the
    workspace."""
    whole = path if path.startswith("/") else f"{workspace.id}/{path}"
    status, answered = workspace.emulator.arm(method, whole, body)
    assert status >= 400, answered
    return status, answered["error"]["code"], answered["error"]["message"]


def ask(
    emulator: Emulator,
    method: str,
    address: str,
    token: str | None = None,
    content: bytes = b"",
) -> Response:
    """Send a request to Resource Manager as it comes over the wire, token and all."""
    signed = token or emulator.cloud.tokens.issue(addresses.MANAGEMENT)
    url = address if "://" in address else f"{addresses.MANAGEMENT}{address}"
    return emulator.answer(request(method, url, {"Authorization": f"Bearer {signed}"}, content))


@pytest.mark.parametrize("kinds", ["UserAssigned", "SystemAssigned, UserAssigned"])
def test_a_batch_endpoint_has_a_system_assigned_identity_only(
    azure_workspace: SeededWorkspace, kinds: str
) -> None:
    """https://github.com/Azure/azure-rest-api-specs/issues/40149"""
    identity = {"type": kinds.replace(" ", ""), "userAssignedIdentities": {IDENTITY: {}}}
    body = {**ENDPOINT, "properties": AAD, "identity": identity}
    assert refused(azure_workspace, "PUT", "batchEndpoints/scoring", body) == (
        400,
        "CannotSetResourceIdentity",
        "Resource type 'Microsoft.MachineLearningServices/workspaces/batchEndpoints' does not"
        f" support creation of '{kinds}' resource identity. The supported types are"
        " 'SystemAssigned'.",
    )
    azure_workspace.put("batchEndpoints/scoring", AAD, **ENDPOINT, identity={"type": "None"})
    azure_workspace.put("onlineEndpoints/live", KEY, **ENDPOINT, identity=identity)


def _in_a_network(
    workspace: SeededWorkspace,
    rules: Mapping[str, Any],
    mode: str = "AllowOnlyApprovedOutbound",
) -> dict[str, Any]:
    """Return the workspace's own body, with a managed network."""
    shown = {name: value for name, value in workspace.get()[1].items() if name != "etag"}
    network = {"isolationMode": mode, "outboundRules": dict(rules)}
    return {**shown, "properties": {**shown["properties"], "managedNetwork": network}}


def _host(destination: str, category: str = "UserDefined") -> dict[str, str]:
    return {"type": "FQDN", "destination": destination, "category": category}


@pytest.mark.parametrize("name", ["pi", "pypi.org", "p" * 34, "a host"])
def test_an_outbound_rule_s_name_has_3_to_33_letters_digits_hyphens_and_underscores(
    azure_workspace: SeededWorkspace, name: str
) -> None:
    """https://learn.microsoft.com/azure/machine-learning/how-to-managed-network; words ours."""
    body = _in_a_network(azure_workspace, {name: _host("pypi.org")})
    assert "3 to 33 letters" in refused(azure_workspace, "PUT", azure_workspace.id, body)[2]
    body = _in_a_network(azure_workspace, {"p" * 33: _host("pypi.org"), "py_-": _host("b.org")})
    put(azure_workspace.emulator, azure_workspace.id, body)
    rule = {"properties": _host("pypi.org")}
    assert "3 to 33" in refused(azure_workspace, "PUT", f"outboundRules/{name}", rule)[2]


def test_azure_s_own_outbound_rules_are_seen_and_never_sent_back(
    azure_workspace: SeededWorkspace,
) -> None:
    """The recording test_workspace_create_with_managed_network_list_show_remove_rules of
    Azure/azure-sdk-for-python; its _workspace_operations_base.py leaves them out of requests,
    "since it would result in bad request"; words ours."""
    body = _in_a_network(azure_workspace, {"pypi": _host("pypi.org")})
    put(azure_workspace.emulator, azure_workspace.id, body)
    shown = azure_workspace.get()[1]
    rules = shown["properties"]["managedNetwork"]["outboundRules"]
    assert rules.pop("pypi") == {**_host("pypi.org"), "status": "Inactive"}
    assert {rule["category"] for rule in rules.values()} == {"Required"}
    assert f"__SYS_PE_{azure_workspace.storage_account}_blob" in rules
    assert "__SYS_ST_AzureResourceManager" in rules
    listed = azure_workspace.get("outboundRules")[1]["value"]
    assert {rule["name"] for rule in listed} == {"pypi", *rules}

    del shown["etag"]
    assert "Required" in refused(azure_workspace, "PUT", azure_workspace.id, shown)[2]
    own = "outboundRules/__SYS_ST_AzureMonitor"
    assert "Required" in refused(azure_workspace, "DELETE", own)[2]
    recommended = {"properties": _host("pypi.org", "Recommended")}
    assert "Recommended" in refused(azure_workspace, "PUT", "outboundRules/more", recommended)[2]

    azure_workspace.put("outboundRules/more", _host("conda.org"))
    path = f"{azure_workspace.id}/outboundRules/pypi"
    assert azure_workspace.emulator.arm("DELETE", path)[0] == 202
    assert azure_workspace.get("outboundRules/pypi")[0] == 200
    assert azure_workspace.get("outboundRules/pypi")[0] == 404
    rules = azure_workspace.get()[1]["properties"]["managedNetwork"]["outboundRules"]
    assert rules["more"]["destination"] == "conda.org"


def test_a_managed_network_stays(azure_workspace: SeededWorkspace) -> None:
    """https://learn.microsoft.com/azure/machine-learning/how-to-managed-network#limitations:
    once enabled, isolation can't be disabled; words ours."""
    body = _in_a_network(azure_workspace, {})
    put(azure_workspace.emulator, azure_workspace.id, body)
    body = _in_a_network(azure_workspace, {}, "Disabled")
    assert "cannot be disabled" in refused(azure_workspace, "PUT", azure_workspace.id, body)[2]


def test_a_network_that_lets_the_internet_in_has_private_endpoints_only(
    azure_workspace: SeededWorkspace,
) -> None:
    """https://github.com/microsoft-foundry/foundry-samples/pull/961"""
    body = _in_a_network(azure_workspace, {"pypi": _host("pypi.org")}, "AllowInternetOutbound")
    assert refused(azure_workspace, "PUT", azure_workspace.id, body)[2] == (
        'Only "PrivateEndpoint" outbound rules are supported when managed network isolation mode'
        ' is "AllowInternetOutbound".'
    )


def test_a_cancel_is_accepted_and_polled_at_its_location(azure_workspace: SeededWorkspace) -> None:
    """Azure/azure-rest-api-specs, machinelearningservices 2024-10-01, examples/Job/cancel.json"""
    azure, jobs = azure_workspace.emulator, f"{azure_workspace.id}/jobs"
    azure.operations.plan("*/jobs/job-2", error=("UserError", "The job has ended."))
    for name in ("job-1", "job-2"):
        running = {"jobType": "Command", "status": "Running"}
        put_job(azure.cloud, azure_workspace.id, name, running)
        accepted = ask(azure, "POST", f"{jobs}/{name}/cancel?api-version={API_VERSION}")
        location = accepted.headers["Location"]
        assert (accepted.status, accepted.body) == (202, b"")
        assert "Azure-AsyncOperation" not in accepted.headers
        assert ask(azure, "GET", location).status == 202
        assert ask(azure, "GET", location).status == (200 if name == "job-1" else 409)
    assert azure_workspace.get("jobs/job-1")[1]["properties"]["status"] == "Canceled"


def test_a_token_of_another_tenant_is_refused_with_the_subscription_s(azure: Emulator) -> None:
    """https://github.com/Azure/azure-sdk-for-python/issues/38382"""
    home, other = azure.cloud.tokens.tenants
    token = azure.cloud.tokens.issue(addresses.MANAGEMENT, tenant=other)
    subscription = f"/subscriptions/{azure.cloud.subscription}?api-version=2022-12-01"
    answered = ask(azure, "GET", subscription, token)
    assert (answered.status, answered.json()["error"]["code"]) == (
        401,
        "InvalidAuthenticationTokenTenant",
    )
    assert answered.json()["error"]["message"].startswith(
        f"The access token is from the wrong issuer 'https://sts.windows.net/{other}/'. It must"
        f" match the tenant 'https://sts.windows.net/{home}/' associated with this subscription."
        f" Please use the authority (URL) 'https://login.windows.net/{home}' to get the token."
    )
    assert 'error="invalid_token"' in answered.headers["WWW-Authenticate"]
    listed = ask(azure, "GET", "/subscriptions?api-version=2022-12-01", token)
    assert listed.json()["value"] == []


def test_an_online_endpoint_keeps_its_properties_its_description_and_its_identity(
    azure_workspace: SeededWorkspace,
) -> None:
    """https://github.com/hashicorp/terraform-provider-azurerm/pull/32011 finds all three fixed; the
    end of the words is ours."""
    identity = {"type": "SystemAssigned"}
    properties = {**KEY, "properties": {"team": "risk"}}
    azure_workspace.put("onlineEndpoints/live", properties, **ENDPOINT, identity=identity)
    shown = azure_workspace.get("onlineEndpoints/live")[1]
    put(azure_workspace.emulator, shown["id"], shown)
    before, after = (
        body["properties"]["properties"]
        for body in (shown, azure_workspace.get("onlineEndpoints/live")[1])
    )
    assert before["team"] == after["team"] == "risk"
    assert before["AzureAsyncOperationUri"] != after["AzureAsyncOperationUri"]
    for changed in (
        {"properties": {**KEY, "properties": {"team": "sales"}}},
        {"properties": {**KEY, "description": "another"}},
        {"properties": KEY, "identity": {"type": "None"}},
    ):
        status, code, message = refused(
            azure_workspace, "PUT", "onlineEndpoints/live", {**ENDPOINT, **changed}
        )
        assert (status, code) == (400, "UserError")
        assert message.startswith("An endpoint with this name already exists. If you are trying to")


def by_inference(workspace: SeededWorkspace, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Give the errors by which what stands behind online endpoints refuses.

    The whole shape: https://github.com/MicrosoftLearning/mslearn-azure-ml/issues/30
    """
    status, answered = workspace.emulator.arm("PUT", f"{workspace.id}/{path}", body)
    assert (status, answered["error"]["code"]) == (400, "BadRequest"), answered
    assert answered["error"]["message"] == "The request is invalid."
    (detail,) = answered["error"]["details"]
    assert detail["code"] == "InferencingClientCallFailed"
    said = json.loads(detail["message"])
    assert said["title"] == "One or more validation errors occurred."
    errors: dict[str, Any] = said["errors"]
    return errors


def online(workspace: SeededWorkspace, **changed: Any) -> dict[str, Any]:
    """Return the body of a deployment of the model `m`."""
    properties = {
        "endpointComputeType": "Managed",
        "instanceType": "Standard_DS3_v2",
        "model": f"{workspace.id}/models/m/versions/1",
        **changed,
    }
    return {
        "location": LOCATION,
        "sku": {"name": "Default", "capacity": 1},
        "properties": properties,
    }


@pytest.fixture
def live(azure_workspace: SeededWorkspace) -> SeededWorkspace:
    """Provide a workspace with the model `m` and an online endpoint `live`."""
    seed_model(azure_workspace, "m")
    azure_workspace.put("onlineEndpoints/live", KEY, **ENDPOINT)
    return azure_workspace


@pytest.mark.parametrize(
    ("path", "properties"), [("onlineEndpoints/live", KEY), ("batchEndpoints/live", AAD)]
)
def test_an_endpoint_s_name_is_taken_once_in_a_region(
    live: SeededWorkspace, path: str, properties: dict[str, str]
) -> None:
    """https://github.com/Azure/mlops-project-template/issues/29"""
    other = seed_workspace(live.emulator, f"rg-{uuid.uuid4().hex[:8]}")
    assert by_inference(other, path, {**ENDPOINT, "properties": properties}) == {
        "": [
            "There is already an endpoint with this name, Endpoint name needs to be unique within a"
            " region"
        ]
    }


def test_a_deployment_needs_its_cores_and_a_fifth_more(
    live: SeededWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """https://github.com/MicrosoftLearning/mslearn-azure-ml/issues/30"""
    path = "onlineEndpoints/live/deployments/blue"
    monkeypatch.setattr(live.emulator.cloud, "cores", 0)
    (said,) = by_inference(live, path, online(live))["VmSize"]
    used = int(said.partition("usage/limit: ")[2].partition("/")[0])  # by other tests' endpoints
    monkeypatch.setattr(live.emulator.cloud, "cores", used + 6)
    assert by_inference(live, path, online(live, instanceType="Standard_F4s_v2")) == {
        "VmSize": [
            "Not enough quota available for Standard_F4s_v2 in SubscriptionId"
            f" {live.subscription}. Current usage/limit: {used}/{used + 6}. Additional needed: 8"
            " Please see troubleshooting guide, available here:"
            " https://aka.ms/oe-tsg#error-outofquota"
        ]
    }
    monkeypatch.setattr(live.emulator.cloud, "cores", used + 8)
    live.put(path, **online(live))
    (said,) = by_inference(live, f"{path}-2", online(live))["VmSize"]
    assert f"Current usage/limit: {used + 8}/{used + 8}. Additional needed: 8" in said


def test_a_cluster_needs_the_cores_of_a_machine(
    azure_workspace: SeededWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """https://github.com/Azure/mlops-v2/issues/81: it is accepted, and fails."""
    azure = azure_workspace.emulator
    monkeypatch.setattr(azure.cloud, "cores", 0)
    cluster = {
        "vmSize": "Standard_DS3_v2",
        "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 1},
    }
    properties = {"computeType": "AmlCompute", "properties": cluster}
    content = json.dumps({"location": LOCATION, "properties": properties}).encode()
    path = f"{azure_workspace.id}/computes/none?api-version={API_VERSION}"
    accepted = ask(azure, "PUT", path, content=content)
    operation = accepted.headers["Azure-AsyncOperation"]
    while (told := ask(azure, "GET", operation).json())["status"] == "InProgress":
        pass
    assert (accepted.status, told["status"], told["error"]) == (
        201,
        "Failed",
        {
            "code": "BadRequest",
            "message": "The specified subscription has a total vCPU quota of 0 and cannot"
            " accomodate for at least 1 requested managed compute node which maps to 4 vCPUs.",
        },
    )


def test_a_cluster_s_deletion_says_what_becomes_of_its_machines(
    azure_workspace: SeededWorkspace,
) -> None:
    """Azure/azure-rest-api-specs, machinelearningservices 2024-10-01, examples/Compute/delete.json
    and the operation, which requires it; the recording test_aml_compute_create_and_delete of
    Azure/azure-sdk-for-python; words ours."""
    path = f"computes/{CLUSTER}"
    for query in ("", "?underlyingResourceAction=Purge"):
        status, code, message = refused(azure_workspace, "DELETE", path + query)
        assert (status, code) == (400, "UserError")
        assert "underlyingResourceAction" in message
    query = "?underlyingResourceAction=Delete"
    assert azure_workspace.emulator.arm("DELETE", f"{azure_workspace.id}/{path}{query}")[0] == 202


def test_a_deployment_that_never_got_ready_is_not_changed(live: SeededWorkspace) -> None:
    """Several projects on GitHub quote it, as "AML Endpoint Deployment troubleshooting" does."""
    path = "onlineEndpoints/live/deployments/blue"
    live.emulator.operations.plan("*/deployments/blue", error=("OutOfCapacity", "None is left."))
    live.put(path, **online(live))
    assert by_inference(live, path, online(live)) == {
        "": [
            "Specified deployment [blue] failed during initial provisioning and is in an"
            " unrecoverable state. Delete and re-create."
        ]
    }
    assert live.emulator.arm("DELETE", f"{live.id}/{path}")[0] == 202
    while live.get(path)[0] == 200:
        pass
    live.put(path, **online(live))
    live.emulator.operations.plan("*/deployments/blue", error=("OutOfCapacity", "None is left."))
    assert live.put(path, **online(live))["properties"]["provisioningState"] == "Failed"
    assert live.put(path, **online(live))["properties"]["provisioningState"] == "Succeeded"


def test_an_endpoint_that_never_got_ready_takes_no_deployment(live: SeededWorkspace) -> None:
    """Notes of people who deploy with azure-ai-ml quote it, all with the same words."""
    live.emulator.operations.plan("*/onlineendpoints/half", error=("InternalError", "Sorry."))
    live.put("onlineEndpoints/half", KEY, **ENDPOINT)
    assert by_inference(live, "onlineEndpoints/half/deployments/blue", online(live)) == {
        "": [
            "This endpoint has not been created successfully or is in deleting provisioning state."
            " Please recreate endpoint and then try again to create deployment."
        ]
    }


def neighbour(workspace: SeededWorkspace, provider: str, group: str | None = None) -> str:
    """Give the path of another resource of the workspace's group, or of another group."""
    return f"/resourceGroups/{group or workspace.resource_group}/providers/{provider}"


def test_an_api_version_is_a_date(azure: Emulator) -> None:
    """https://github.com/Azure/azure-rest-api-specs and many logs; the versions named are few."""
    path = f"/subscriptions/{azure.cloud.subscription}/resourceGroups/g?api-version=latest"
    error = ask(azure, "GET", path).json()["error"]
    assert error["code"] == "InvalidApiVersionParameter"
    assert error["message"].startswith(
        "The api-version 'latest' is invalid. The supported versions"
    )


def test_a_group_stays_where_it_is(azure_workspace: SeededWorkspace) -> None:
    """https://learn.microsoft.com/azure/governance/blueprints, under troubleshooting"""
    path = f"/resourceGroups/{azure_workspace.resource_group}"
    assert refused(azure_workspace, "PUT", path, {"location": "westus"}) == (
        409,
        "InvalidResourceGroupLocation",
        "Invalid resource group location 'westus'. The Resource group already exists in location"
        f" '{LOCATION}'.",
    )


def test_tags_have_no_reserved_characters_and_are_50_at_most(
    azure_workspace: SeededWorkspace,
) -> None:
    """https://learn.microsoft.com/cli/azure/manage-azure-subscriptions-azure-cli for the words,
    https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations
    for the number."""
    path = f"/resourceGroups/{azure_workspace.resource_group}"
    for name in ("a/b", "50%", "what?"):
        body = {"location": LOCATION, "tags": {name: "x"}}
        assert refused(azure_workspace, "PUT", path, body) == (
            400,
            "InvalidTagNameCharacters",
            f"The tag names '{name}' have reserved characters '<,>,%,&,\\,?,/' or control"
            " characters.",
        )
    tags = {f"tag-{number}": "x" for number in range(51)}
    body = {"location": LOCATION, "tags": tags}
    assert refused(azure_workspace, "PUT", path, body)[0] == 400
    tags.popitem()
    assert azure_workspace.emulator.arm("PUT", path, body)[0] == 200


def test_what_is_locked_is_not_deleted(azure_workspace: SeededWorkspace) -> None:
    """https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources"""
    azure, workspace = azure_workspace.emulator, azure_workspace.id
    group = workspace.partition("/providers/")[0]
    lock = f"{workspace}/providers/Microsoft.Authorization/locks/keep"
    put(azure, lock, {"properties": {"level": "CanNotDelete"}})
    for path in (workspace, f"{workspace}/datastores/workspaceblobstore", group):
        assert refused(azure_workspace, "DELETE", path) == (
            409,
            "ScopeLocked",
            f"The scope '{path}' cannot perform delete operation because following scope(s) are"
            f" locked: '{workspace}'. Please remove the lock and try again.",
        )
    azure_workspace.put("onlineEndpoints/live", KEY, **ENDPOINT)
    put(azure, lock, {"properties": {"level": "ReadOnly"}})
    body = {**ENDPOINT, "properties": AAD}
    assert "write operation" in refused(azure_workspace, "PUT", "batchEndpoints/more", body)[2]
    assert azure.arm("DELETE", lock)[0] == 200
    assert azure.arm("DELETE", group)[0] == 200


def test_a_vault_s_name_is_one_in_the_world_and_outlives_the_vault(
    azure_workspace: SeededWorkspace,
) -> None:
    """https://learn.microsoft.com/cloud-computing/finops/toolkit/help/errors quotes the second,
    https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview tells of both."""
    azure, name = azure_workspace.emulator, f"kv-{uuid.uuid4().hex[:12]}"
    other = f"rg-{uuid.uuid4().hex[:8]}"
    put(azure, f"/resourceGroups/{other}", {"location": LOCATION})
    mine = neighbour(azure_workspace, f"Microsoft.KeyVault/vaults/{name}")
    theirs = neighbour(azure_workspace, f"Microsoft.KeyVault/vaults/{name}", other)
    body = {"location": LOCATION, "properties": {"sku": {"name": "standard"}}}
    put(azure, theirs, body)
    status, code, message = refused(azure_workspace, "PUT", mine, body)
    assert (status, code) == (409, "VaultAlreadyExists")
    assert message.startswith(f"The vault name '{name}' is already in use.")
    azure.arm("DELETE", f"/resourceGroups/{other}")
    assert refused(azure_workspace, "PUT", mine, body) == (
        409,
        "ConflictError",
        "A vault with the same name already exists in deleted state. You need to either recover or"
        " purge existing key vault. Follow this link https://go.microsoft.com/fwlink/?linkid=2149745"
        " for more information on soft delete.",
    )


def test_a_registry_s_name_is_one_in_the_world(azure_workspace: SeededWorkspace) -> None:
    """https://learn.microsoft.com/rest/api/containerregistry/registries/check-name-availability"""
    azure, name = azure_workspace.emulator, f"cr{uuid.uuid4().hex[:12]}"
    other = f"rg-{uuid.uuid4().hex[:8]}"
    put(azure, f"/resourceGroups/{other}", {"location": LOCATION})
    provider = f"Microsoft.ContainerRegistry/registries/{name}"
    body = {"location": LOCATION, "sku": {"name": "Basic"}}
    put(azure, neighbour(azure_workspace, provider, other), body)
    status, code, message = refused(
        azure_workspace, "PUT", neighbour(azure_workspace, provider), body
    )
    assert (status, code) == (409, "AlreadyInUse")
    assert message.startswith(f"The registry DNS name {name}.azurecr.io is already in use. You can")
    azure.arm("DELETE", f"/resourceGroups/{other}")


def test_a_storage_account_keeps_its_namespace(azure_workspace: SeededWorkspace) -> None:
    """https://learn.microsoft.com/rest/api/storagerp/srp_error_codes_common, and
    https://learn.microsoft.com/cloud-computing/finops/toolkit/help/errors for the words."""
    path = neighbour(
        azure_workspace, f"Microsoft.Storage/storageAccounts/{azure_workspace.storage_account}"
    )
    body = {"location": LOCATION, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    hierarchical = {**body, "properties": {"isHnsEnabled": True}}
    assert refused(azure_workspace, "PUT", path, hierarchical) == (
        400,
        "AccountPropertyCannotBeUpdated",
        "The property 'isHnsEnabled' was specified in the input, but it cannot be updated as it is"
        " read-only.",
    )
    put(azure_workspace.emulator, path, body)


@pytest.mark.parametrize(
    "account",
    [{"properties": {"isHnsEnabled": True}}, {"sku": {"name": "Premium_LRS"}}],
)
def test_a_workspace_stands_on_plain_storage(
    azure_workspace: SeededWorkspace, account: dict[str, Any]
) -> None:
    """https://learn.microsoft.com/azure/machine-learning/how-to-manage-workspace; words ours."""
    azure = azure_workspace.emulator
    storage = neighbour(
        azure_workspace, f"Microsoft.Storage/storageAccounts/s{uuid.uuid4().hex[:9]}"
    )
    whole = {"location": LOCATION, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}, **account}
    shown = azure_workspace.get()[1]["properties"]
    properties = {"storageAccount": put(azure, storage, whole)["id"], "keyVault": shown["keyVault"]}
    body = {
        "location": LOCATION,
        "identity": {"type": "SystemAssigned"},
        "properties": properties,
    }
    path = f"{azure_workspace.id}-2"
    assert "The storage account of a workspace" in refused(azure_workspace, "PUT", path, body)[2]


def test_a_workspace_s_name_outlives_it_unless_it_is_purged(
    azure_workspace: SeededWorkspace,
) -> None:
    """https://github.com/Azure/ResourceModules/issues/3596 for the words,
    https://learn.microsoft.com/rest/api/azureml/workspaces/delete for forceToPurge."""
    azure = azure_workspace.emulator
    shown = azure_workspace.get()[1]
    body = {name: shown[name] for name in ("location", "identity", "properties")}

    def delete(query: str) -> None:
        azure.operations.plan(azure_workspace.id, polls=0)
        assert azure.arm("DELETE", f"{azure_workspace.id}?{query}")[0] == 200

    delete("forceToPurge=true")
    put(azure, azure_workspace.id, body)
    delete("forceToPurge=false")
    assert refused(azure_workspace, "PUT", azure_workspace.id, body) == (
        400,
        "BadRequest",
        "Soft-deleted workspace exists. Please purge or recover it. https://aka.ms/wsoftdelete",
    )


def test_a_new_identity_s_role_needs_its_type(azure_workspace: SeededWorkspace) -> None:
    """https://learn.microsoft.com/azure/role-based-access-control/troubleshooting, and
    https://github.com/Azure/azure-dev/issues/3581 for the other type."""
    azure = azure_workspace.emulator
    identity = neighbour(azure_workspace, "Microsoft.ManagedIdentity/userAssignedIdentities/i")
    principal = put(azure, identity, {"location": LOCATION})["properties"]["principalId"]
    short = principal.replace("-", "")
    role = "/providers/Microsoft.Authorization/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c"
    properties = {"roleDefinitionId": role, "principalId": principal}
    path = f"providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    tenant = azure.cloud.application.tenant
    status, code, message = refused(azure_workspace, "PUT", path, {"properties": properties})
    assert (status, code) == (400, "PrincipalNotFound")
    assert message.startswith(f"Principal {short} does not exist in the directory {tenant}. Check")
    typed = {"properties": {**properties, "principalType": "User"}}
    assert refused(azure_workspace, "PUT", path, typed) == (
        400,
        "UnmatchedPrincipalType",
        f"The PrincipalId '{short}' has type 'ServicePrincipal' , which is different from specified"
        " PrinciaplType 'User'.",
    )
    azure_workspace.put(path, {**properties, "principalType": "ServicePrincipal"})


@pytest.mark.parametrize(
    ("traffic", "mirrored"),
    [
        ({"blue": 100}, {"green": 60}),
        ({"blue": 100}, {"blue": 10}),
        ({}, {"blue": 10, "green": 10}),
    ],
)
def test_traffic_is_mirrored_to_one_deployment_without_any_and_50_percent_at_most(
    live: SeededWorkspace, traffic: dict[str, int], mirrored: dict[str, int]
) -> None:
    """https://learn.microsoft.com/azure/machine-learning/how-to-safely-rollout-online-endpoints;
    words ours."""
    for name in ("blue", "green"):
        live.put(f"onlineEndpoints/live/deployments/{name}", **online(live))
    properties = {**KEY, "traffic": traffic, "mirrorTraffic": mirrored}
    body = {**ENDPOINT, "properties": properties}
    assert refused(live, "PUT", "onlineEndpoints/live", body)[:2] == (400, "UserError")
    allowed = {**KEY, "traffic": {"blue": 100}, "mirrorTraffic": {"green": 50}}
    live.put("onlineEndpoints/live", allowed, **ENDPOINT)


def test_a_request_to_a_deployment_may_take_three_minutes(live: SeededWorkspace) -> None:
    """https://learn.microsoft.com/azure/machine-learning/reference-yaml-deployment-managed-online,
    request_timeout_ms; words ours."""
    path = "onlineEndpoints/live/deployments/blue"
    body = online(live, requestSettings={"requestTimeout": "PT3M1S"})
    assert "180 seconds at most" in refused(live, "PUT", path, body)[2]
    live.put(path, **online(live, requestSettings={"requestTimeout": "PT180S"}))


def test_an_endpoint_has_20_deployments_at_most(live: SeededWorkspace) -> None:
    """https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas; words ours."""
    for number in range(20):
        live.put(f"onlineEndpoints/live/deployments/blue-{number}", **online(live))
    path = "onlineEndpoints/live/deployments/one-more"
    assert "20 deployments at most" in refused(live, "PUT", path, online(live))[2]
    live.put("onlineEndpoints/live/deployments/blue-0", **online(live))


def test_a_name_of_a_job_and_a_version_of_data_are_good_once(live: SeededWorkspace) -> None:
    """Notes of people who use `az ml job create` and `az ml data create` quote their words."""
    data = {"dataType": "uri_folder", "dataUri": "azureml://datastores/x/paths/y"}
    live.put("data/d/versions/1", data)
    body = {"properties": {**data, "dataUri": "azureml://datastores/x/paths/z"}}
    assert refused(live, "PUT", "data/d/versions/1", body) == (
        400,
        "UserError",
        "A data version with this name and version already exists. If you are trying to create a"
        " new data version, use a different name or version. If you are trying to update an"
        " existing data version, the existing asset's data uri cannot be changed. Only tags,"
        " description, and isArchived can be updated.",
    )
    sweep = {
        "jobType": "Pipeline",
        "jobs": {},
        "experimentName": "fit",
    }
    live.put("jobs/fit-1", sweep)
    other = {"properties": {**sweep, "experimentName": "other"}}
    assert refused(live, "PUT", "jobs/fit-1", other) == (
        400,
        "UserError",
        "A job with this name already exists. If you are trying to create a new job, use a"
        " different name. If you are trying to update an existing job, the existing job's"
        " ExperimentName cannot be changed. Only description, tags, displayName, properties, and"
        " isArchived can be updated.",
    )
