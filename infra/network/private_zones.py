"""The names of the DNS zones of private endpoints, in each of Azure's clouds.

Sources: Microsoft's tables of private DNS zones for the public cloud, US Government and China, and
Azure ML's documentation on a workspace with a custom DNS server.
"""

from collections.abc import Mapping

from runner.clouds import PUBLIC

# From what an endpoint reaches to its zones, and from a zone to its name.
ZONES_OF: Mapping[str, tuple[str, ...]] = {
    "workspace": ("api", "notebooks"),
    "blob": ("blob",),
    "file": ("file",),
    "vault": ("vault",),
    "registry": ("registry",),
}
NAMES: Mapping[str, Mapping[str, str]] = {
    PUBLIC: {
        "api": "privatelink.api.azureml.ms",
        "notebooks": "privatelink.notebooks.azure.net",
        "blob": "privatelink.blob.core.windows.net",
        "file": "privatelink.file.core.windows.net",
        "vault": "privatelink.vaultcore.azure.net",
        "registry": "privatelink.azurecr.io",
    },
    "AzureUSGovernment": {
        "api": "privatelink.api.ml.azure.us",
        "notebooks": "privatelink.notebooks.usgovcloudapi.net",
        "blob": "privatelink.blob.core.usgovcloudapi.net",
        "file": "privatelink.file.core.usgovcloudapi.net",
        "vault": "privatelink.vaultcore.usgovcloudapi.net",
        "registry": "privatelink.azurecr.us",
    },
    "AzureChinaCloud": {
        "api": "privatelink.api.ml.azure.cn",
        "notebooks": "privatelink.notebooks.chinacloudapi.cn",
        "blob": "privatelink.blob.core.chinacloudapi.cn",
        "file": "privatelink.file.core.chinacloudapi.cn",
        "vault": "privatelink.vaultcore.azure.cn",
        "registry": "privatelink.azurecr.cn",
    },
}
ZONES = tuple(NAMES[PUBLIC])
