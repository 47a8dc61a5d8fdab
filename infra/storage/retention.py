"""The days for which deleted and overwritten blobs of a storage account are kept.

Source: Azure's documentation on soft delete, versions and lifecycle rules of blobs.
"""

import pulumi
from pulumi_azure_native import resources, storage

from infra.component import within
from infra.settings import Settings


def declare_retention(
    settings: Settings, group: resources.ResourceGroup, account: storage.StorageAccount
) -> list[pulumi.Resource]:
    """Declare for how long; in production what is overwritten is kept, too."""
    if settings.kept_days is None:
        return []
    kept = storage.DeleteRetentionPolicyArgs(enabled=True, days=settings.kept_days)
    versions = settings.production
    blobs = storage.BlobServiceProperties(
        "blobs",
        account_name=account.name,
        blob_services_name="default",
        resource_group_name=group.name,
        delete_retention_policy=kept,
        container_delete_retention_policy=kept,
        is_versioning_enabled=versions,
        opts=within(),
    )
    if not versions:
        return [blobs]
    return [blobs, _end_versions(settings.kept_days, group, account, blobs)]


def _end_versions(
    days: int,
    group: resources.ResourceGroup,
    account: storage.StorageAccount,
    blobs: storage.BlobServiceProperties,
) -> storage.ManagementPolicy:
    """Delete old versions, which stay and cost until somebody does."""
    return storage.ManagementPolicy(
        "old-versions",
        account_name=account.name,
        management_policy_name="default",
        resource_group_name=group.name,
        policy=storage.ManagementPolicySchemaArgs(
            rules=[
                storage.ManagementPolicyRuleArgs(
                    enabled=True,
                    name="old-versions",
                    type=storage.RuleType.LIFECYCLE,
                    definition=storage.ManagementPolicyDefinitionArgs(
                        filters=storage.ManagementPolicyFilterArgs(blob_types=["blockBlob"]),
                        actions=storage.ManagementPolicyActionArgs(
                            version=storage.ManagementPolicyVersionArgs(
                                delete=storage.DateAfterCreationArgs(
                                    days_after_creation_greater_than=days
                                )
                            )
                        ),
                    ),
                )
            ]
        ),
        opts=within(depends_on=[blobs]),
    )
