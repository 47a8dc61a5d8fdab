"""The stack's part of Unity Catalog, kept in a storage account of the stack's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_databricks as databricks
from pulumi_azure_native import databricks as azure_databricks
from pulumi_azure_native import resources
from pulumi_azure_native import storage as azure_storage

from infra.databricks.settings import Settings
from infra.options import holds_data

CONTAINER = "catalog"
VOLUME = "files"
ALL_USERS = "account users"  # Unity Catalog's name for them; a workspace's own is `users`
IN_SCHEMA = (
    *("USE_SCHEMA", "EXECUTE", "CREATE_MODEL", "APPLY_TAG"),
    *("READ_VOLUME", "WRITE_VOLUME"),
)


@dataclass(frozen=True)
class Unity:
    """The parts of the catalog that other resources depend on."""

    schema: databricks.Schema
    volume: databricks.Volume
    grants: databricks.Grants  # the rights on the schema; endpoints depend on them


def declare_unity(
    settings: Settings,
    group: resources.ResourceGroup,
    account: azure_storage.StorageAccount,
    connector: azure_databricks.AccessConnector,
    provider: databricks.Provider,
    after: Sequence[pulumi.Resource],
) -> Unity:
    """Declare catalog, schema and volume, where they are kept, and who may use them."""
    kept = holds_data(settings, provider=provider)
    # A catalog that holds something is deleted only by force; production keeps it anyway.
    force = not settings.production
    container = azure_storage.BlobContainer(
        "catalog-container",
        account_name=account.name,
        resource_group_name=group.name,
        container_name=CONTAINER,
        opts=holds_data(settings),
    )
    credential = databricks.StorageCredential(
        "catalog-credential",
        name=settings.names.catalog_storage,
        azure_managed_identity=databricks.StorageCredentialAzureManagedIdentityArgs(
            access_connector_id=connector.id
        ),
        force_destroy=force,
        opts=holds_data(settings, provider=provider, depends_on=after),
    )
    files = account.primary_endpoints.apply(lambda found: found.dfs)
    address = files.apply(lambda url: url.removeprefix("https://"))
    root = pulumi.Output.concat("abfss://", container.name, "@", address)
    location = databricks.ExternalLocation(
        "catalog-location",
        name=settings.names.catalog_storage,
        url=root,
        credential_name=credential.name,
        force_destroy=force,
        opts=kept,
    )
    catalog = databricks.Catalog(
        "catalog",
        name=settings.unity_catalog,
        # Not the location's own `url`, which has been told with a slash at its end and without:
        # a catalog whose root is another is replaced.
        # https://github.com/databricks/terraform-provider-databricks/issues/2335
        storage_root=root,
        force_destroy=force,
        properties=settings.lasting_tags,
        opts=holds_data(settings, provider=provider, depends_on=[location]),
    )
    schema = databricks.Schema(
        "schema",
        name=settings.schema,
        catalog_name=catalog.name,
        force_destroy=force,
        properties=settings.lasting_tags,
        opts=kept,
    )
    volume = databricks.Volume(
        "volume",
        name=VOLUME,
        catalog_name=catalog.name,
        schema_name=schema.name,
        volume_type="MANAGED",
        opts=kept,
    )
    databricks.Grants(
        "catalog-grants",
        catalog=catalog.id,
        grants=_grants(settings, ("USE_CATALOG",)),
        opts=pulumi.ResourceOptions(provider=provider),
    )
    grants = databricks.Grants(
        "schema-grants",
        schema=schema.id,
        grants=_grants(settings, IN_SCHEMA),
        opts=pulumi.ResourceOptions(provider=provider),
    )
    return Unity(schema, volume, grants)


def _grants(settings: Settings, privileges: Sequence[str]) -> list[databricks.GrantsGrantArgs]:
    return [
        databricks.GrantsGrantArgs(principal=group, privileges=sorted(privileges))
        for group in settings.groups or (ALL_USERS,)
    ]
