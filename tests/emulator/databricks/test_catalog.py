"""Unity Catalog as the unmodified SDK sees it: names, what holds what, privileges."""

from __future__ import annotations

import pytest

from tests.emulator.databricks.fixtures import sign_in
from tests.emulator.databricks.securables import CATALOG, SCHEMA, VOLUME
from tests.emulator.databricks.seed import STORAGE, SeededLake


def test_catalogs_schemas_and_volumes_are_made_listed_and_taken_away(lake: SeededLake) -> None:
    from databricks.sdk.errors import BadRequest, NotFound, ResourceConflict
    from databricks.sdk.service.catalog import VolumeType

    client = sign_in(lake)
    client.catalogs.create("second", comment="A second one", storage_root=f"{STORAGE}second")
    client.schemas.create("inner", "second")
    made = client.volumes.create("second", "inner", "data", VolumeType.MANAGED)
    assert made.full_name == "second.inner.data"
    assert "second" in [catalog.name for catalog in client.catalogs.list()]
    names = [schema.name for schema in client.schemas.list("second")]
    assert names == ["default", "information_schema", "inner"]
    assert [volume.name for volume in client.volumes.list("second", "inner")] == ["data"]
    assert client.catalogs.update("second", comment="Changed").comment == "Changed"
    with pytest.raises(ResourceConflict):
        client.schemas.create("inner", "second")
    with pytest.raises(BadRequest):
        client.catalogs.delete("second")
    with pytest.raises(BadRequest):
        client.schemas.delete("second.inner")
    client.volumes.delete("second.inner.data")
    with pytest.raises(NotFound):
        client.volumes.read("second.inner.data")
    client.catalogs.delete("second", force=True)
    with pytest.raises(NotFound):
        client.schemas.get("second.inner")


def test_a_catalog_needs_a_place_that_may_be_used(lake: SeededLake) -> None:
    from databricks.sdk.errors import BadRequest, NotFound

    client = sign_in(lake)
    with pytest.raises(BadRequest, match="storage root"):
        client.catalogs.create("second")
    with pytest.raises(NotFound, match="No parent external location"):
        client.catalogs.create("second", storage_root="abfss://a@b.dfs.core.azure.test/")


@pytest.mark.parametrize("name", ["Penguin Predictor", "a.b", "a/b", "a\tb", "", "a" * 256])
def test_names_that_unity_catalog_does_not_take(lake: SeededLake, name: str) -> None:
    path = "/api/2.1/unity-catalog/models"
    body = {"name": name, "catalog_name": "lake", "schema_name": "scoring"}
    status, answered = lake.ask("POST", path, body)
    assert (status, answered["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_names_are_kept_in_lower_case(lake: SeededLake) -> None:
    made = sign_in(lake).schemas.create("Inner", "LAKE")
    assert (made.name, made.catalog_name, made.full_name) == ("inner", "lake", "lake.inner")


def test_a_model_is_found_by_all_its_ways(lake: SeededLake) -> None:
    from databricks.sdk.errors import NotFound, ResourceConflict

    client = sign_in(lake)
    for number in range(3):
        client.registered_models.create(
            catalog_name="lake", schema_name="scoring", name=f"model-{number}"
        )
    lake.databricks.switches.page_size = 2
    listed = client.registered_models.list(catalog_name="lake", schema_name="scoring")
    assert [model.name for model in listed] == ["model-0", "model-1", "model-2"]
    with pytest.raises(ResourceConflict):
        client.registered_models.create(catalog_name="lake", schema_name="scoring", name="model-0")
    with pytest.raises(NotFound):
        client.model_versions.get("lake.scoring.model-0", 1)
    with pytest.raises(NotFound):
        client.registered_models.set_alias("lake.scoring.model-0", "champion", 1)
    client.registered_models.delete("lake.scoring.model-0")
    with pytest.raises(NotFound):
        client.registered_models.get("lake.scoring.model-0")


def test_only_grants_count_for_who_owns_nothing(lake: SeededLake) -> None:
    from databricks.sdk.errors import PermissionDenied

    client = sign_in(lake)
    lake.lose_rights()
    with pytest.raises(PermissionDenied, match="USE CATALOG on Catalog 'lake'"):
        client.catalogs.get("lake")
    lake.grant(CATALOG, "lake", ["USE_CATALOG"])
    lake.grant(SCHEMA, "lake.scoring", ["USE_SCHEMA"])
    with pytest.raises(PermissionDenied, match=r"READ VOLUME on Volume .lake\.scoring\.files."):
        list(client.files.list_directory_contents(lake.volume))
    lake.grant(VOLUME, "lake.scoring.files", ["READ_VOLUME"])
    assert list(client.files.list_directory_contents(lake.volume)) == []
    with pytest.raises(PermissionDenied, match="WRITE VOLUME"):
        client.files.create_directory(f"{lake.volume}/data")


def test_grants_are_given_and_taken(lake: SeededLake) -> None:
    from databricks.sdk.errors import BadRequest
    from databricks.sdk.service.catalog import PermissionsChange, Privilege

    client = sign_in(lake)
    change = PermissionsChange(principal="analysts", add=[Privilege.USE_SCHEMA, Privilege.EXECUTE])
    client.grants.update("schema", "lake.scoring", changes=[change])
    change = PermissionsChange(principal="analysts", remove=[Privilege.EXECUTE])
    told = client.grants.update("schema", "lake.scoring", changes=[change])
    assert told.privilege_assignments is not None
    assert told.privilege_assignments[0].privileges == [Privilege.USE_SCHEMA]
    effective = client.grants.get_effective("volume", "lake.scoring.files")
    assert effective.privilege_assignments is not None
    assert effective.privilege_assignments[0].principal == "analysts"
    wrong = PermissionsChange(principal="analysts", add=[Privilege.READ_FILES])
    with pytest.raises(BadRequest, match="not applicable"):
        client.grants.update("schema", "lake.scoring", changes=[wrong])


def test_storage_needs_a_connector_that_is_there(lake: SeededLake) -> None:
    from databricks.sdk.errors import BadRequest, NotFound
    from databricks.sdk.service.catalog import AzureManagedIdentityRequest

    client = sign_in(lake)
    group = lake.resource_id.partition("/providers/")[0]
    connector = f"{group}/providers/Microsoft.Databricks/accessConnectors/other"
    identity = AzureManagedIdentityRequest(access_connector_id=connector)
    with pytest.raises(BadRequest, match="was not found"):
        client.storage_credentials.create("other", azure_managed_identity=identity)
    body = {"location": "koreacentral", "identity": {"type": "SystemAssigned"}}
    assert lake.emulator.arm("PUT", connector, body)[0] == 201
    client.storage_credentials.create("other", azure_managed_identity=identity)
    url = "abfss://data@account.dfs.core.azure.test/"
    with pytest.raises(NotFound):
        client.external_locations.create("place", url, "another")
    client.external_locations.create("place", url, "other")
    with pytest.raises(BadRequest, match="dependent"):
        client.storage_credentials.delete("other")
    client.external_locations.delete("place")
    client.storage_credentials.delete("other")
