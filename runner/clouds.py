"""The names and addresses of Azure's clouds, and the settings that choose one.

Azure's packages publish two of a cloud's addresses: azure-mgmt-core that of Resource Manager
(`get_arm_endpoints`) and azure-identity that of the sign-in. The other two are in a private table
of azure-ai-ml, so all are here, and a test holds them against the packages.
The settings are those of the azure-native plugin, in its order and with its names of clouds.
Source: pulumi-azure-native 3.24, `azure-native:environment` and `azure-native:metadataHost`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

PUBLIC = "AzureCloud"
CURRENT_CLOUD = "AZUREML_CURRENT_CLOUD"  # the variable that names a cloud to Azure's SDK
METADATA_HOSTS = ("ARM_METADATA_HOSTNAME", "ARM_METADATA_HOST")  # name a host that describes one


@dataclass(frozen=True)
class Cloud:
    """A cloud; its addresses have no slash at the end."""

    name: str  # as Azure's SDK has it
    resource_manager: str
    authority: str  # where Entra signs in
    machine_learning: str  # the audience of the workspaces' own interfaces
    storage_suffix: str
    aliases: tuple[str, ...] = ()  # other names, in lower case; the first is Pulumi's
    private: bool = False  # its sign-in is not among those that Entra's discovery knows
    resource_manager_audience: str | None = None  # None: its address

    @property
    def resource_manager_scope(self) -> str:
        return f"{self.resource_manager_audience or self.resource_manager}/.default"

    @property
    def machine_learning_scope(self) -> str:
        return f"{self.machine_learning}/.default"

    def blob_url(self, account: str) -> str:
        """Return the address of a storage account's blobs."""
        return f"https://{account}.blob.{self.storage_suffix}"


CLOUDS: Mapping[str, Cloud] = {
    cloud.name: cloud
    for cloud in (
        Cloud(
            PUBLIC,
            "https://management.azure.com",
            "https://login.microsoftonline.com",
            "https://ml.azure.com",
            "core.windows.net",
            ("public", "azurepubliccloud"),
        ),
        Cloud(
            "AzureUSGovernment",
            "https://management.usgovcloudapi.net",
            "https://login.microsoftonline.us",
            "https://ml.azure.us",
            "core.usgovcloudapi.net",
            ("usgovernment", "usgov", "usgovernmentl4", "azureusgovernmentcloud"),
        ),
        Cloud(
            "AzureChinaCloud",
            "https://management.chinacloudapi.cn",
            "https://login.chinacloudapi.cn",
            "https://ml.azure.cn",
            "core.chinacloudapi.cn",
            ("china",),
        ),
    )
}
PULUMI_NAMES = tuple(cloud.aliases[0] for cloud in CLOUDS.values())
_NAMES = {
    name.lower(): cloud.name for cloud in CLOUDS.values() for name in (cloud.name, *cloud.aliases)
}


class Setting(Protocol):
    """Looks up a setting by its key of `azure-native:`, else by the plugin's own variables."""

    def __call__(self, key: str, /, *variables: str) -> str | None: ...


def environment_setting(_key: str, *variables: str) -> str | None:
    """Look up a setting by the plugin's variables alone, where there is no stack file."""
    return next(filter(None, map(os.environ.get, variables)), None)


def choose_cloud(setting: Setting) -> tuple[str, str | None]:
    """Return the name of the cloud that the settings choose, and the host that describes it.

    The name is the SDK's where the cloud is one of CLOUDS, else as it was given; it is empty for
    a metadata host without a name. Without any setting it is the public cloud.
    """
    host = setting("metadataHost", *METADATA_HOSTS)
    variables = ("ARM_ENVIRONMENT", "AZURE_ENVIRONMENT")
    if host:
        # The plugin needs no name beside a host; the SDK, which opens the workspace, does.
        name = setting("environment", *variables, CURRENT_CLOUD) or ""
    else:
        name = setting("environment", *variables) or PUBLIC
    return _NAMES.get(name.lower(), name), host


def described_clouds(answer: object) -> dict[str, Cloud]:
    """Return by name the clouds that Resource Manager's `/metadata/endpoints` describes.

    A cloud that lacks one of the addresses is left out, as it can't hold a workspace.
    """
    clouds = {}
    for content in answer if isinstance(answer, list) else [answer]:
        try:
            cloud = _described(content)
        except (KeyError, TypeError, AttributeError):
            continue
        clouds[cloud.name] = cloud
    return clouds


def _described(content: Any) -> Cloud:
    resource_manager = content["resourceManager"].rstrip("/")
    login = content["authentication"]
    audiences = [audience.rstrip("/") for audience in login.get("audiences") or ()]
    # The audience of Machine Learning isn't described; the SDK derives it from the portal's name.
    suffix = ".".join(content["portal"].split(".")[2:]).replace("/", "")
    return Cloud(
        name=content["name"],
        resource_manager=resource_manager,
        authority=login["loginEndpoint"].rstrip("/"),
        machine_learning=f"https://ml.azure.{suffix}",
        storage_suffix=content["suffixes"]["storage"],
        private=True,
        resource_manager_audience=(
            audiences[0] if audiences and resource_manager not in audiences else None
        ),
    )
