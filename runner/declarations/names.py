"""Azure's rules for names, and the annotated types that check them."""

import re
from typing import Annotated

from runner.declarations.reader import Check, Text

_ENDPOINT = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,30}[A-Za-z0-9]")
_ASSET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")

ENDPOINT_NAME_RULE = (
    "3 to 32 letters, digits and hyphens, beginning with a letter, not ending with a hyphen"
)
ASSET_NAME_RULE = (
    "1 to 255 letters, digits, hyphens, underscores and dots, beginning with a letter or digit"
)


def is_endpoint_name(name: str) -> bool:
    """Whether Azure takes the name for an endpoint or a deployment.

    Source: the SDK's own pattern (azure-ai-ml, EndpointConfigurations), with its lengths.
    """
    return _ENDPOINT.fullmatch(name) is not None


def is_asset_name(name: str) -> bool:
    """Whether Azure takes the name for a model, data asset or environment, or as a version."""
    return _ASSET.fullmatch(name) is not None


EndpointName = Annotated[str, Check(is_endpoint_name, ENDPOINT_NAME_RULE)]
DeploymentName = EndpointName
AssetName = Annotated[str, Check(is_asset_name, ASSET_NAME_RULE)]
Version = Annotated[Text, Check(is_asset_name, ASSET_NAME_RULE)]
