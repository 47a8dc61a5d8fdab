"""Storage that is there already, under names by which jobs and data assets of the workspace use it.

Sources: Azure ML's documentation on datastores; what `az ml datastore create` sends, which looks
for no storage account behind a datastore, and names the cloud's address of it.
"""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from infra.component import within
from infra.foundation.platform import Platform
from infra.settings import Settings
from infra.storage.datastore import Datastore
from runner.clouds import CLOUDS

FIXED = ("datastoreType", "accountName", "containerName", "filesystem", "fileShareName")


def declare_datastores(settings: Settings, platform: Platform) -> list[ml.Datastore]:
    """Declare each datastore that a stack file names."""
    return [
        ml.Datastore(
            f"datastore-{name}",
            name=name,
            resource_group_name=platform.resource_group.name,
            workspace_name=platform.workspace.name,
            properties=_properties(datastore, settings),
            # Azure would look at it as whoever deploys, who has no role there and isn't in a
            # managed network.
            skip_validation=True,
            opts=within(
                # Azure changes none of these, and a datastore's deletion leaves what is in it.
                replace_on_changes=[f"properties.{name}" for name in FIXED],
                delete_before_replace=True,
                ignore_changes=["properties.tags.commit"],
                # Azure never shows a key again.
                additional_secret_outputs=["properties"] if datastore.key else None,
            ),
        )
        for name, datastore in settings.datastores.items()
    ]


def _properties(datastore: Datastore, settings: Settings) -> Any:
    cloud = CLOUDS.get(settings.cloud)  # of a private one Azure ML knows the address itself
    common = {
        "account_name": datastore.account_name,
        "endpoint": cloud.storage_suffix if cloud else None,
        "protocol": "https",
        "credentials": _credentials(datastore.key),
        "description": datastore.description or None,
        "tags": settings.tags,
    }
    if datastore.type == "azure_file":
        return ml.AzureFileDatastoreArgs(
            datastore_type="AzureFile", file_share_name=str(datastore.file_share_name), **common
        )
    if datastore.type == "azure_data_lake_gen2":
        return ml.AzureDataLakeGen2DatastoreArgs(
            datastore_type="AzureDataLakeGen2", filesystem=str(datastore.filesystem), **common
        )
    return ml.AzureBlobDatastoreArgs(
        datastore_type="AzureBlob", container_name=datastore.container_name, **common
    )


def _credentials(key: str | None) -> Any:
    """Give the account's key, or none: then a job or a person reads with its own roles."""
    if key is None:
        return ml.NoneDatastoreCredentialsArgs(credentials_type="None")
    return ml.AccountKeyDatastoreCredentialsArgs(
        credentials_type="AccountKey",
        secrets=ml.AccountKeyDatastoreSecretsArgs(
            secrets_type="AccountKey", key=pulumi.Output.secret(key)
        ),
    )
