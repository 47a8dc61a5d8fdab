"""Everything says whose it is, where it belongs and which commit made it."""

from collections.abc import Iterator, Mapping
from typing import Final

from infra.policies.rule import UNKNOWN, Resource, Rule, known, words

# Kinds of azure-native that take no tags, or only inside what they describe.
UNTAGGED: Final = frozenset(
    {
        "authorization:RoleAssignment",
        "consumption:Budget",
        "machinelearningservices:CodeContainer",
        "machinelearningservices:CodeVersion",
        "machinelearningservices:Datastore",
        "machinelearningservices:EnvironmentContainer",
        "machinelearningservices:EnvironmentVersion",
        "machinelearningservices:ManagedNetworkSettingsRule",
        "machinelearningservices:ModelContainer",
        "machinelearningservices:ModelVersion",
        "machinelearningservices:Schedule",
        "managedidentity:FederatedIdentityCredential",
        "monitor:DiagnosticSetting",
        "network:PrivateDnsZoneGroup",
        "storage:BlobContainer",
        "storage:BlobServiceProperties",
        "storage:ManagementPolicy",
    }
)

REQUIRED: Final = words("required", ["project", "environment", "commit"], "Tags to have.")


def _required_tags(resource: Resource) -> Iterator[str]:
    if not resource.azure or resource.kind in UNTAGGED:
        return
    tags = resource.read("tags")
    if tags is UNKNOWN:
        return
    missing = [name for name in REQUIRED.of(resource) if not _has(tags, name)]
    if missing:
        yield (
            f"{resource.name} has no tag {', '.join(missing)}; add it to scoring:tags in"
            f" {resource.stack_file}, but for project, environment and commit, which infra/ sets"
        )


def _has(tags: object, name: str) -> bool:
    return isinstance(tags, Mapping) and known(tags, name) not in (None, "")


REQUIRED_TAGS: Final = Rule(
    "resources-have-tags", "Whatever takes tags has the required ones.", _required_tags, (REQUIRED,)
)
