"""The rule that what is deleted can be had back."""

from collections.abc import Iterator
from typing import Final

from infra.policies.rule import (
    PRODUCTION,
    UNKNOWN,
    Resource,
    Rule,
    in_production,
    whole_number,
)

_AZURE_DAYS = 90  # what a vault has when nothing is said

DAYS: Final = whole_number("days", 7, 7, 90, "How many days a deleted secret is kept at least.")
BLOB_DAYS: Final = whole_number("days", 7, 1, 365, "How many days a deleted blob is kept at least.")


def _vault_retention(resource: Resource) -> Iterator[str]:
    if resource.kind != "keyvault:Vault":
        return
    if resource.read("properties.enableSoftDelete") is False:
        yield f"{resource.name} forgets at once; set enable_soft_delete=True in infra/"
    protection = resource.read("properties.enablePurgeProtection")
    if in_production(resource) and protection not in (True, UNKNOWN):
        yield (
            f"{resource.name} can be purged; set scoring:production to true in"
            f" {resource.stack_file}"
        )
    days = resource.read("properties.softDeleteRetentionInDays")
    least = DAYS.of(resource)
    if days is not UNKNOWN and (_AZURE_DAYS if days is None else days) < least:
        yield (
            f"{resource.name} keeps what is deleted for {days:g} days; set"
            f" soft_delete_retention_in_days to at least {least:g} in infra/"
        )


def _blob_retention(resource: Resource) -> Iterator[str]:
    if resource.kind != "storage:BlobServiceProperties":
        return
    least = BLOB_DAYS.of(resource)
    for path, what in (
        ("deleteRetentionPolicy", "blobs"),
        ("containerDeleteRetentionPolicy", "containers"),
    ):
        enabled, days = resource.read(f"{path}.enabled"), resource.read(f"{path}.days")
        if UNKNOWN in (enabled, days):
            continue
        if enabled is not True or (days or 0) < least:
            kept = f"for {days:g} days" if enabled and days else "not at all"
            yield (
                f"{resource.name} keeps deleted {what} {kept}; set scoring:keptDays to at least"
                f" {least:g} in {resource.stack_file}"
            )
    versions = resource.read("isVersioningEnabled")
    if in_production(resource) and versions not in (True, UNKNOWN):
        yield (
            f"{resource.name} keeps nothing that is overwritten; set scoring:production to true in"
            f" {resource.stack_file}"
        )


VAULT_RETENTION: Final = Rule(
    "vault-keeps-what-is-deleted",
    "A key vault has soft delete, and in production purge protection.",
    _vault_retention,
    (DAYS, PRODUCTION),
)
BLOB_RETENTION: Final = Rule(
    "storage-keeps-what-is-deleted",
    "Deleted blobs can be had back for some days, and in production overwritten ones.",
    _blob_retention,
    (BLOB_DAYS, PRODUCTION),
)
