"""Holds Azure's rules for names, and the annotated types that check them."""

import re
from typing import Annotated

from runner.declarations.reader import Check, Text

_ENDPOINT = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,30}[A-Za-z0-9]")
_ASSET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_UNITY = re.compile(r"[^\s./\x00-\x1f\x7f]{1,255}")

ENDPOINT_NAME_RULE = (
    "3 to 32 letters, digits and hyphens, beginning with a letter, not ending with a hyphen"
)
ASSET_NAME_RULE = (
    "1 to 255 letters, digits, hyphens, underscores and dots, beginning with a letter or digit"
)
UNITY_NAME_RULE = (
    "a name that Unity Catalog takes: up to 255 characters, without capital letters, spaces,"
    " periods and slashes"
)


def is_endpoint_name(name: str) -> bool:
    """Return whether Azure takes the name for an endpoint or a deployment.

    Source: the SDK's own pattern (azure-ai-ml, EndpointConfigurations), with its lengths.
    """
    return _ENDPOINT.fullmatch(name) is not None


def is_asset_name(name: str) -> bool:
    """Return whether Azure takes a name for a model, data asset, environment or version."""
    return _ASSET.fullmatch(name) is not None


def is_unity_name(name: str) -> bool:
    """Return whether Databricks' Unity Catalog takes the name as it stands for what it holds.

    It keeps names in small letters, so one with capitals would come back as another.
    Source: Databricks' documentation on the names of Unity Catalog's objects.
    """
    return _UNITY.fullmatch(name) is not None and name == name.lower()


EndpointName = Annotated[str, Check(is_endpoint_name, ENDPOINT_NAME_RULE)]
DeploymentName = EndpointName
UnityName = Annotated[str, Check(is_unity_name, UNITY_NAME_RULE)]
AssetName = Annotated[str, Check(is_asset_name, ASSET_NAME_RULE)]
Version = Annotated[Text, Check(is_asset_name, ASSET_NAME_RULE)]
