"""Azure's clouds by name: the public one, the sovereign ones and private ones."""

from __future__ import annotations

import os
from typing import Any

from runner.azureml.client import fetch_json
from runner.azureml.cloud import Cloud
from runner.errors import EnvironmentRefused
from runner.nearest import nearest

METADATA_URL = "ARM_CLOUD_METADATA_URL"


CLOUDS = {
    one.name: one
    for one in (
        Cloud(
            "AzureCloud",
            "https://management.azure.com",
            "https://login.microsoftonline.com",
            "https://ml.azure.com",
            "core.windows.net",
        ),
        Cloud(
            "AzureUSGovernment",
            "https://management.usgovcloudapi.net",
            "https://login.microsoftonline.us",
            "https://ml.azure.us",
            "core.usgovcloudapi.net",
        ),
        Cloud(
            "AzureChinaCloud",
            "https://management.chinacloudapi.cn",
            "https://login.chinacloudapi.cn",
            "https://ml.azure.cn",
            "core.chinacloudapi.cn",
        ),
    )
}


def find_cloud(name: str) -> Cloud:
    """The cloud of that name; a private one is described by what ARM_CLOUD_METADATA_URL answers.

    Raises EnvironmentRefused for an unknown cloud and where the description can't be had.
    """
    if name in CLOUDS:
        return CLOUDS[name]
    address = os.environ.get(METADATA_URL)
    if not address:
        raise EnvironmentRefused(
            f"no cloud {name!r}{nearest(name, CLOUDS)} For a private cloud set {METADATA_URL}"
            " to the address that describes it"
        )
    described = _described(address)
    if name not in described:
        raise EnvironmentRefused(
            f"{address} describes no cloud {name!r}{nearest(name, [*described, *CLOUDS])}"
        )
    return described[name]


def _described(address: str) -> dict[str, Cloud]:
    content = fetch_json(address)
    clouds = content if isinstance(content, list) else [content]
    found = {}
    for one in clouds:
        try:
            cloud = _cloud(one)
        except (KeyError, TypeError, AttributeError):
            continue  # a cloud without all of these can't hold a workspace
        found[cloud.name] = cloud
    return found


def _cloud(content: dict[str, Any]) -> Cloud:
    # The audience of Machine Learning isn't described; the SDK derives it from the portal's name.
    suffix = ".".join(content["portal"].split(".")[2:]).replace("/", "")
    return Cloud(
        name=content["name"],
        resource_manager=content["resourceManager"].rstrip("/"),
        authority=content["authentication"]["loginEndpoint"].rstrip("/"),
        machine_learning=f"https://ml.azure.{suffix}",
        storage_suffix=content["suffixes"]["storage"],
        private=True,
    )
