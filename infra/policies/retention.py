"""What a vault loses can be had back."""

from collections.abc import Iterator
from typing import Final

from infra.policies.rule import UNKNOWN, Resource, Rule, whole_number

_AZURE_DAYS = 90  # what a vault has when nothing is said

DAYS: Final = whole_number("days", 7, 7, 90, "How many days a deleted secret is kept at least.")


def _vault_retention(resource: Resource) -> Iterator[str]:
    if resource.kind != "keyvault:Vault":
        return
    if resource.read("properties.enableSoftDelete") is False:
        yield f"{resource.name} forgets at once; set enable_soft_delete=True in infra/"
    if resource.read("properties.enablePurgeProtection") not in (True, UNKNOWN):
        yield f"{resource.name} can be purged; set enable_purge_protection=True in infra/"
    days = resource.read("properties.softDeleteRetentionInDays")
    least = DAYS.of(resource)
    if days is not UNKNOWN and (_AZURE_DAYS if days is None else days) < least:
        yield (
            f"{resource.name} keeps what is deleted for {days:g} days; set"
            f" soft_delete_retention_in_days to at least {least:g} in infra/"
        )


VAULT_RETENTION: Final = Rule(
    "vault-keeps-what-is-deleted",
    "A key vault has soft delete and purge protection.",
    _vault_retention,
    (DAYS,),
)
