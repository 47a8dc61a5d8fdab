"""The names and addresses of the stand-in's cloud. All lie below `azure.test`, so none is real."""

from __future__ import annotations

import re

CLOUD = "AzureTest"
MANAGEMENT_HOST = "management.azure.test"
LOGIN_HOST = "login.azure.test"
STORAGE_SUFFIX = "core.azure.test"
MANAGEMENT = f"https://{MANAGEMENT_HOST}"
LOGIN = f"https://{LOGIN_HOST}"
ML_RESOURCE = "https://ml.azure.test"

# msal asks this host, whatever the cloud, whether an authority it does not know is one.
KNOWN_LOGIN_HOST = "login.microsoftonline.com"

MANAGEMENT_AUDIENCES = (MANAGEMENT, f"https://management.{STORAGE_SUFFIX}")
# The SDK asks for the public cloud's audience when it calls an online endpoint by Entra token.
ML_AUDIENCES = (ML_RESOURCE, "https://ml.azure.com")

BLOB_HOST = re.compile(r"(?P<account>[a-z0-9]{3,24})\.blob\.core\.azure\.test")
INFERENCE_HOST = re.compile(
    r"(?P<endpoint>[a-z0-9-]+)\.(?P<location>[a-z0-9]+)\.inference\.ml\.azure\.test"
)
WORKSPACE_HOST = re.compile(r"(?P<location>[a-z0-9]+)\.api\.ml\.azure\.test")
DATABRICKS_HOST = re.compile(r"adb-(?P<workspace>\d+)\.\d+\.azuredatabricks\.azure\.test")


def normalised_location(location: str) -> str:
    """Give a location's name as Azure answers it: `Korea Central` is `koreacentral`."""
    return location.replace(" ", "").lower()


def workspace_api(location: str) -> str:
    """Give the address of the data plane (run history and the like) of a location's workspaces."""
    return f"https://{normalised_location(location)}.api.ml.azure.test"


def inference(endpoint: str, location: str) -> str:
    """Give the address that an endpoint answers at, without a path."""
    return f"https://{endpoint.lower()}.{normalised_location(location)}.inference.ml.azure.test"


def databricks(workspace: int) -> str:
    """Give the name of the host of a Databricks workspace, by the workspace's number."""
    return f"adb-{workspace}.{workspace % 20}.azuredatabricks.azure.test"


def is_ours(host: str) -> bool:
    """Return whether the stand-in answers for a host; the blob storage has hosts of its own."""
    return host == KNOWN_LOGIN_HOST or host.endswith(".azure.test")
