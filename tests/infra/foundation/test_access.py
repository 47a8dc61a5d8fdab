"""The roles of each identity, held against what is written out in `roles`."""

from __future__ import annotations

from tests.infra.mocks import Program
from tests.infra.roles import (
    COLLECTOR,
    CONNECTION,
    DEV,
    PROD,
    SECRET,
    Assigned,
    assigned,
    documented,
)

CLUSTER = "machinelearningservices:Compute"
WORKSPACE = "machinelearningservices:Workspace"


def given(program: Program) -> list[Assigned]:
    """Give each role assignment as its identity, its role and its scope."""
    assert program.error is None, program.error
    principals = {
        f"principal of {identity.name}": identity.name.removesuffix("-identity")
        for identity in program.of("managedidentity:UserAssignedIdentity")
    }
    return sorted(
        assigned(principals, assignment.inputs)
        for assignment in program.of("authorization:RoleAssignment")
    )


def test_each_identity_has_the_roles_that_are_written_here_and_no_other(
    dev: Program, prod: Program
) -> None:
    assert given(dev) == sorted(DEV)
    assert given(prod) == sorted(PROD)


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


def test_images_of_a_managed_network_are_built_by_a_cluster_that_runs_nothing_else(
    prod: Program,
) -> None:
    builder = prod.one(CLUSTER, "image-builder-d4ds-v4")
    assert prod.one(WORKSPACE).inputs["imageBuildCompute"] == builder.name
    nodes = builder.inputs["properties"]["properties"]
    assert (nodes["vmSize"], nodes["vmPriority"]) == ("Standard_D4ds_v4", "Dedicated")
    scale = nodes["scaleSettings"]
    assert (scale["minNodeCount"], scale["maxNodeCount"]) == (0, 1)
    computes = {
        deployment.inputs["properties"]["compute"]
        for deployment in prod.of("machinelearningservices:BatchDeployment")
    }
    assert builder.id not in computes


def test_a_builder_waits_for_its_roles_and_online_deployments_wait_for_it(prod: Program) -> None:
    waited = prod.one("pulumi-python:dynamic/scoring:RoleDelay", "builder-roles")
    assert waited.urn in prod.one(CLUSTER, "image-builder-d4ds-v4").dependencies
    assert {*waited.inputs["assignments"]} == {
        "workspace-contributor-on-workspace",
        "builder-blob-data-contributor-on-storage",
        "builder-acr-push-on-registry",
    }
    there = prod.one("pulumi-python:dynamic/scoring:ClusterDeletion", "image-builder-d4ds-v4")
    for deployment in prod.of("machinelearningservices:OnlineDeployment"):
        assert there.urn in deployment.dependencies


def test_the_page_on_access_has_a_row_for_each_role_that_a_stack_may_give() -> None:
    assert documented().keys() == PROD | {CONNECTION, SECRET, COLLECTOR}
