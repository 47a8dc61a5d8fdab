"""Finds the cloud of a workspace, by its name or by the settings of Pulumi's plugin.

A private cloud describes itself at an address that is set.
"""

from __future__ import annotations

import os

from runner.azure.client import fetch_json
from runner.clouds import (
    CLOUDS,
    METADATA_HOSTS,
    PULUMI_NAMES,
    Cloud,
    Setting,
    choose_cloud,
    described_clouds,
)
from runner.errors import EnvironmentRefused
from runner.nearest import nearest

METADATA_URL = "ARM_CLOUD_METADATA_URL"
_METADATA_API_VERSION = "2019-05-01"


def get_cloud(name: str) -> Cloud:
    """Return the cloud of that name, where it is private as it describes itself.

    Raises EnvironmentRefused for an unknown cloud, and where the description can't be read.
    """
    if name in CLOUDS:
        return CLOUDS[name]
    hosts = (os.environ.get(variable) for variable in METADATA_HOSTS)
    address = os.environ.get(METADATA_URL) or next(
        (_metadata_of(host) for host in hosts if host), ""
    )
    if not address:
        raise EnvironmentRefused(
            f"no cloud {name!r}{nearest(name, CLOUDS)} For a private cloud set {METADATA_URL}"
            " to the address that describes it"
        )
    described = described_clouds(fetch_json(address))
    if name not in described:
        raise EnvironmentRefused(
            f"{address} describes no cloud {name!r}{nearest(name, [*described, *CLOUDS])}"
        )
    return described[name]


def chosen_cloud(setting: Setting) -> Cloud:
    """Return the cloud that the plugin's settings choose.

    Where a metadata host is set, it describes the cloud. Raises EnvironmentRefused.
    """
    name, host = choose_cloud(setting)
    if not host:
        if name not in CLOUDS:
            raise EnvironmentRefused(
                f"azure-native:environment is {name!r}, allowed: {', '.join(PULUMI_NAMES)},"
                " or azure-native:metadataHost for a private cloud"
            )
        return CLOUDS[name]
    address = _metadata_of(host)
    described = described_clouds(fetch_json(address))
    if not described:
        raise EnvironmentRefused(
            f"the answer of {address} has not all of name, portal, resourceManager, authentication"
            " and suffixes of a cloud"
        )
    by_name = {cloud.name.lower(): cloud for cloud in described.values()}
    return by_name.get(name.lower()) or next(iter(described.values()))


def _metadata_of(host: str) -> str:
    return f"https://{host}/metadata/endpoints?api-version={_METADATA_API_VERSION}"
