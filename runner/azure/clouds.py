"""The cloud that a workspace lies in, by name; a private one describes itself."""

from __future__ import annotations

import os

from runner.azure.client import fetch_json
from runner.clouds import CLOUDS, Cloud, described_clouds
from runner.errors import EnvironmentRefused
from runner.nearest import nearest

METADATA_URL = "ARM_CLOUD_METADATA_URL"


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
    described = described_clouds(fetch_json(address))
    if name not in described:
        raise EnvironmentRefused(
            f"{address} describes no cloud {name!r}{nearest(name, [*described, *CLOUDS])}"
        )
    return described[name]
