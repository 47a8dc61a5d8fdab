"""Tells what the text of `--data` names: an asset, a place in a datastore, an address or a path."""

from __future__ import annotations

import re
from typing import Literal

Form = Literal["asset", "asset_id", "datastore", "https", "address", "path"]

DATA_ID = re.compile(
    r"(?:azureml:/?)?/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
    r"(?:/providers/Microsoft\.MachineLearningServices)?/workspaces/(?P<workspace>[^/]+)"
    r"/data/(?P<name>[^/]+)/versions/(?P<version>[^/]+)",
    re.IGNORECASE,
)
_PLACES = (
    "azureml://datastores/",
    "azureml://subscriptions/",
    "azureml:/subscriptions/",
    "/subscriptions/",
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def form_of(data: str) -> Form:
    """Return the form in which data is named. Nothing is looked at.

    `asset` is a reference, `asset_id` an id of Resource Manager, `datastore` a place in one,
    `https` an address that Azure reads, `address` any other.
    """
    if DATA_ID.fullmatch(data):
        return "asset_id"
    if data.startswith(_PLACES):
        return "datastore"
    if data.startswith("https://"):
        return "https"
    if data.startswith("azureml:"):
        return "asset"
    if _SCHEME.match(data) and not data.startswith("file://"):
        return "address"
    return "path"
