"""Which identity has which role on what, and what is kept of data: written out, not computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.infra.declaring import PIN, declare, online_deployment, online_endpoint
from tests.infra.mocks import SUBSCRIPTION, Program, copy_project, run_program

CLUSTER = "machinelearningservices:Compute"
WORKSPACE = "machinelearningservices:Workspace"

# Azure's built-in roles, by their ids in every tenant.
ROLES = {
    "00482a5a-887f-4fb3-b363-3b7fe8e74483": "Key Vault Administrator",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "635dd51f-9968-44d3-b7fb-6d9a6bd613ae": "AzureML Metrics Writer (preview)",
    "69566ab7-960f-475b-8e7c-b3118f30c6bd": "Storage File Data Privileged Contributor",
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": "AcrPull",
    "8311e382-0749-4cb8-b61a-304f252e45ec": "AcrPush",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "b556d68e-0be0-4f35-a333-ad7ee1ce17ea": "Azure AI Enterprise Network Connection Approver",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "ea01e6af-a1c1-4350-9563-ad00f8c72ec5": (
        "Azure Machine Learning Workspace Connection Secrets Reader"
    ),
}
SCOPES = {
    "resources:ResourceGroup": "group",
    "applicationinsights:Component": "insights",
    "containerregistry:Registry": "registry",
    "keyvault:Vault": "vault",
    WORKSPACE: "workspace",
    "storage:StorageAccount": "storage",
}

DEV = {
    ("workspace", "Contributor", "storage"),
    ("workspace", "Storage Blob Data Contributor", "storage"),
    ("workspace", "Storage File Data Privileged Contributor", "storage"),
    ("workspace", "Contributor", "vault"),
    ("workspace", "Key Vault Administrator", "vault"),
    ("workspace", "Contributor", "registry"),
    ("workspace", "Contributor", "insights"),
    ("workspace", "Contributor", "workspace"),
    ("clusters", "Storage Blob Data Contributor", "storage"),
    ("clusters", "Storage Queue Data Contributor", "storage"),
    ("clusters", "Storage Table Data Contributor", "storage"),
    ("clusters", "AcrPull", "registry"),
    ("endpoints", "Storage Blob Data Reader", "storage"),
    ("endpoints", "AcrPull", "registry"),
    ("endpoints", "AzureML Metrics Writer (preview)", "workspace"),
}
PROD = DEV | {
    ("workspace", "Azure AI Enterprise Network Connection Approver", "group"),
    ("builder", "Storage Blob Data Contributor", "storage"),
    ("builder", "AcrPush", "registry"),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("access") / "project")


@pytest.fixture(scope="module")
def dev(project: Path) -> Program:
    return run_program(project, "dev")


@pytest.fixture(scope="module")
def prod(project: Path) -> Program:
    return run_program(project, "prod")


def assigned(program: Program) -> list[tuple[str, str, str]]:
    """Give each role assignment as its identity, its role and its scope."""
    assert program.error is None, program.error
    scopes = {program.one(kind).id: scope for kind, scope in SCOPES.items()}
    found = []
    for assignment in program.of("authorization:RoleAssignment"):
        given = assignment.inputs
        definition = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization"
        assert given["roleDefinitionId"].startswith(f"{definition}/roleDefinitions/")
        actor = given["principalId"].removeprefix("principal of ").removesuffix("-identity")
        role = ROLES[given["roleDefinitionId"].rpartition("/")[2]]
        found.append((actor, role, scopes[given["scope"]]))
    return sorted(found)


def test_each_identity_has_the_roles_that_are_written_here_and_no_other(
    dev: Program, prod: Program
) -> None:
    assert assigned(dev) == sorted(DEV)
    assert assigned(prod) == sorted(PROD)


@pytest.mark.parametrize(
    ("keys", "more"),
    [
        (
            {"environment_variables": {"KEY": "${{azureml://connections/openai/credentials/key}}"}},
            {
                (
                    "endpoints",
                    "Azure Machine Learning Workspace Connection Secrets Reader",
                    "workspace",
                )
            },
        ),
        (
            {"data_collector": {"collections": {"model_inputs": {"enabled": "True"}}}},
            {("endpoints", "Storage Blob Data Contributor", "storage")},
        ),
    ],
    ids=["a connection", "a data collector"],
)
def test_what_a_deployment_refers_to_or_collects_brings_its_role(
    keys: dict[str, Any], more: set[tuple[str, str, str]], tmp_path: Path
) -> None:
    for identity, added in (({}, more), ({"identity": {"type": "system_assigned"}}, set())):
        program = declare(
            tmp_path,
            online_endpoint(**identity),
            online_deployment(**keys),
            endpoints={"live": {"deployments": {"blue": {"model": PIN}}}},
        )
        assert assigned(program) == sorted(DEV | added)


def test_each_actor_is_signed_in_as_its_own_identity(dev: Program, prod: Program) -> None:
    names = {"workspace", "clusters", "endpoints"}
    for program, actors in ((dev, names), (prod, names | {"builder"})):
        identities = {
            identity.name.removesuffix("-identity"): identity.id
            for identity in program.of("managedidentity:UserAssignedIdentity")
        }
        assert identities.keys() == actors
        workspace = program.one(WORKSPACE).inputs
        assert workspace["identity"]["userAssignedIdentities"] == [identities["workspace"]]
        assert workspace["primaryUserAssignedIdentity"] == identities["workspace"]
        endpoint = program.one("machinelearningservices:OnlineEndpoint", "diabetes-online").inputs
        assert endpoint["identity"]["userAssignedIdentities"] == [identities["endpoints"]]
        for cluster in program.of(CLUSTER):
            actor = "builder" if cluster.name.startswith("image-builder-") else "clusters"
            assert cluster.inputs["identity"]["userAssignedIdentities"] == [identities[actor]]


def test_production_keeps_data_in_two_regions_and_deleted_secrets_for_90_days(
    dev: Program, prod: Program
) -> None:
    for program, copies, days in ((dev, "Standard_LRS", 7), (prod, "Standard_GRS", 90)):
        assert program.one("storage:StorageAccount").inputs["sku"] == {"name": copies}
        vault = program.one("keyvault:Vault").inputs["properties"]
        assert vault["softDeleteRetentionInDays"] == days


def test_images_of_a_managed_network_are_built_by_a_cluster_that_runs_nothing_else(
    prod: Program,
) -> None:
    builder = prod.one(CLUSTER, "image-builder-ds3-v2")
    assert prod.one(WORKSPACE).inputs["imageBuildCompute"] == builder.name
    nodes = builder.inputs["properties"]["properties"]
    assert (nodes["vmSize"], nodes["vmPriority"]) == ("Standard_DS3_v2", "Dedicated")
    scale = nodes["scaleSettings"]
    assert (scale["minNodeCount"], scale["maxNodeCount"]) == (0, 1)
    computes = {
        deployment.inputs["properties"]["compute"]
        for deployment in prod.of("machinelearningservices:BatchDeployment")
    }
    assert builder.id not in computes


def test_a_builder_waits_for_its_roles_and_online_deployments_wait_for_it(prod: Program) -> None:
    waited = prod.one("pulumi-python:dynamic/scoring:Settling", "builder-roles")
    assert waited.urn in prod.one(CLUSTER, "image-builder-ds3-v2").dependencies
    assert {*waited.inputs["assignments"]} == {
        "workspace-contributor-on-workspace",
        "builder-blob-data-contributor-on-storage",
        "builder-acr-push-on-registry",
    }
    there = prod.one("pulumi-python:dynamic/scoring:ClusterDeletion", "image-builder-ds3-v2")
    for deployment in prod.of("machinelearningservices:OnlineDeployment"):
        assert there.urn in deployment.dependencies
