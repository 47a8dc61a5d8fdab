"""Azure's built-in roles, as far as somebody here is given one: what each lets do.

Source: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

_ML = "microsoft.machinelearningservices/workspaces"
_STORAGE = "microsoft.storage/storageaccounts"
_BLOBS = f"{_STORAGE}/blobservices"
_FILES = f"{_STORAGE}/fileservices"
_QUEUES = f"{_STORAGE}/queueservices/queues"
_ENTITIES = f"{_STORAGE}/tableservices/tables/entities"
_CONNECTIONS = "/privateendpointconnections"


@dataclass(frozen=True)
class BuiltInRole:
    """The permissions of a role for resources (`actions`) and for what is in them (`data`).

    All are patterns in lower case, in which `*` is any text.
    """

    name: str
    actions: tuple[str, ...] = ()
    but: tuple[str, ...] = ()  # of the actions
    data: tuple[str, ...] = ()

    def allows(self, action: str, *, data: bool) -> bool:
        """Return whether the role lets somebody do this, in any letter case."""
        if data:
            return _matches(self.data, action)
        return _matches(self.actions, action) and not _matches(self.but, action)


def _matches(patterns: tuple[str, ...], action: str) -> bool:
    # Between slashes a star is also nothing: those who may `workspaces/*/read` read the workspace.
    ways = (way for pattern in patterns for way in (pattern, pattern.replace("/*/", "/")))
    return any(fnmatchcase(action.lower(), way) for way in ways)


BUILT_IN: Mapping[str, BuiltInRole] = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": BuiltInRole("Owner", ("*",)),
    "b24988ac-6180-42a0-ab88-20f7382dd24c": BuiltInRole(
        "Contributor",
        ("*",),
        but=(
            "microsoft.authorization/*/delete",
            "microsoft.authorization/*/write",
            "microsoft.authorization/elevateaccess/action",
        ),
    ),
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": BuiltInRole("Reader", ("*/read",)),
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": BuiltInRole(
        "Role Based Access Control Administrator",
        (
            "microsoft.authorization/roleassignments/delete",
            "microsoft.authorization/roleassignments/write",
            "*/read",
        ),
    ),
    "f6c7c914-8db3-469d-8ca1-694a8f32e121": BuiltInRole(
        "AzureML Data Scientist",
        (f"{_ML}/*/read", f"{_ML}/*/action", f"{_ML}/*/delete", f"{_ML}/*/write"),
        but=(
            f"{_ML}/delete",
            f"{_ML}/write",
            f"{_ML}/computes/*/write",
            f"{_ML}/computes/*/delete",
            f"{_ML}/computes/listkeys/action",
            f"{_ML}/listkeys/action",
        ),
    ),
    "635dd51f-9968-44d3-b7fb-6d9a6bd613ae": BuiltInRole(
        "AzureML Metrics Writer (preview)", data=(f"{_ML}/metrics/*/write",)
    ),
    "ea01e6af-a1c1-4350-9563-ad00f8c72ec5": BuiltInRole(
        "Azure Machine Learning Workspace Connection Secrets Reader",
        (f"{_ML}/connections/listsecrets/action", f"{_ML}/metadata/secrets/read"),
    ),
    "b556d68e-0be0-4f35-a333-ad7ee1ce17ea": BuiltInRole(
        "Azure AI Enterprise Network Connection Approver",
        (
            f"*{_CONNECTIONS}/read",
            f"*{_CONNECTIONS}/write",
            f"*{_CONNECTIONS}approval/action",
        ),
    ),
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": BuiltInRole(
        "Storage Blob Data Reader",
        (f"{_BLOBS}/containers/read", f"{_BLOBS}/generateuserdelegationkey/action"),
        data=(f"{_BLOBS}/containers/blobs/read",),
    ),
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": BuiltInRole(
        "Storage Blob Data Contributor",
        (
            f"{_BLOBS}/containers/delete",
            f"{_BLOBS}/containers/read",
            f"{_BLOBS}/containers/write",
            f"{_BLOBS}/generateuserdelegationkey/action",
        ),
        data=(f"{_BLOBS}/containers/blobs/*",),
    ),
    "69566ab7-960f-475b-8e7c-b3118f30c6bd": BuiltInRole(
        "Storage File Data Privileged Contributor", data=(f"{_FILES}/*",)
    ),
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": BuiltInRole(
        "Storage Queue Data Contributor",
        (f"{_QUEUES}/delete", f"{_QUEUES}/read", f"{_QUEUES}/write"),
        data=(f"{_QUEUES}/messages/*",),
    ),
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": BuiltInRole(
        "Storage Table Data Contributor", data=(f"{_ENTITIES}/*",)
    ),
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": BuiltInRole(
        "AcrPull", ("microsoft.containerregistry/registries/pull/read",)
    ),
    "8311e382-0749-4cb8-b61a-304f252e45ec": BuiltInRole(
        "AcrPush",
        (
            "microsoft.containerregistry/registries/pull/read",
            "microsoft.containerregistry/registries/push/write",
        ),
    ),
    "00482a5a-887f-4fb3-b363-3b7fe8e74483": BuiltInRole(
        "Key Vault Administrator",
        ("microsoft.keyvault/*/read",),
        data=("microsoft.keyvault/vaults/*",),
    ),
    "4633458b-17de-408a-b874-0445c86b69e6": BuiltInRole(
        "Key Vault Secrets User",
        data=(
            "microsoft.keyvault/vaults/secrets/getsecret/action",
            "microsoft.keyvault/vaults/secrets/readmetadata/action",
        ),
    ),
}
