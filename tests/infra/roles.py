"""The roles of each identity in the project's own stacks: written out, not computed."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.emulator.built_in_roles import BUILT_IN
from tests.projects import ROOT

SCOPES = {
    "Microsoft.Resources/resourceGroups": "group",
    "Microsoft.Insights/components": "insights",
    "Microsoft.ContainerRegistry/registries": "registry",
    "Microsoft.KeyVault/vaults": "vault",
    "Microsoft.MachineLearningServices/workspaces": "workspace",
    "Microsoft.Storage/storageAccounts": "storage",
}

Assigned = tuple[str, str, str]  # identity, role and scope

DEV: frozenset[Assigned] = frozenset(
    {
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
)
PROD = DEV | {
    ("workspace", "Azure AI Enterprise Network Connection Approver", "group"),
    ("builder", "Storage Blob Data Contributor", "storage"),
    ("builder", "AcrPush", "registry"),
}
CONNECTION: Assigned = (
    "endpoints",
    "Azure Machine Learning Workspace Connection Secrets Reader",
    "workspace",
)
SECRET: Assigned = ("endpoints", "Key Vault Secrets User", "vault")
COLLECTOR: Assigned = ("endpoints", "Storage Blob Data Contributor", "storage")


def assigned(principals: Mapping[str, str], given: Mapping[str, str]) -> Assigned:
    """Name an assignment by its properties; `principals` are the actors by their principal."""
    definition, scope = given["roleDefinitionId"], given["scope"].rstrip("/")
    role = BUILT_IN[definition.rpartition("/")[2].lower()].name
    actor = principals[given["principalId"]]
    if "/providers/" not in scope:
        return actor, role, SCOPES["Microsoft.Resources/resourceGroups"]
    provider, kind, _ = scope.rpartition("/providers/")[2].split("/")
    return actor, role, SCOPES[f"{provider}/{kind}"]


def documented() -> dict[Assigned, str]:
    """Return what happens without each role, as the page on access says."""
    page = (ROOT / "docs" / "guides" / "access.md").read_text()
    table = page.partition("\n| identity | role | on |")[2].partition("\n\n")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]
    ]
    return {(row[0], row[1], row[2]): row[4] for row in rows}


def said(without: str) -> list[str]:
    """Return the words of Azure's that a row quotes."""
    return re.findall(r"`([^`]+)`", without)
