"""One of Azure's clouds, as what asks it needs to know it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cloud:
    """One cloud's addresses, without a slash at the end."""

    name: str
    resource_manager: str
    authority: str  # where Entra signs in
    machine_learning: str  # the audience of the workspaces' own interfaces
    storage_suffix: str
    private: bool = False

    @property
    def resource_manager_scope(self) -> str:
        return f"{self.resource_manager}/.default"

    @property
    def machine_learning_scope(self) -> str:
        return f"{self.machine_learning}/.default"

    def blob_url(self, account: str) -> str:
        """The address of a storage account's blobs."""
        return f"https://{account}.blob.{self.storage_suffix}"
