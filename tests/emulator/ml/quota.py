"""The cores that a subscription may use, where a cloud has a limit for them."""

from __future__ import annotations

import math
import re

from tests.emulator.kinds import Change
from tests.emulator.ml.endpoints import ONLINE
from tests.emulator.ml.refusals import refused_by_inference

_FOR_UPGRADES = 1.2  # Azure keeps a fifth more for a deployment, to change it without a break
_SIZE = re.compile(r"standard_[a-z]+(\d+)", re.IGNORECASE)
_OF_D_V2 = re.compile(r"standard_ds?(\d+)_v2", re.IGNORECASE)
_CORES_OF_D_V2 = {3: 4, 4: 8, 5: 16, 11: 2, 12: 4, 13: 8, 14: 16, 15: 20}  # else the number's


def require_cores_for_deployment(change: Change) -> None:
    """Refuse an online deployment that needs more cores than are left."""
    limit, size = change.cloud.cores, change.properties.get("instanceType")
    if limit is None or not size:
        return
    others = [
        deployment
        for deployment in change.cloud.state.of_type(f"{ONLINE}/deployments")
        if deployment.key != change.id.id.lower()
    ]
    used = sum(
        _of_instances(other.properties["instanceType"], other.body["sku"]["capacity"])
        for other in others
    )
    needed = _of_instances(size, change.body["sku"]["capacity"])
    if used + needed > limit:
        raise refused_by_inference(
            f"Not enough quota available for {size} in SubscriptionId {change.cloud.subscription}."
            f" Current usage/limit: {used}/{limit}. Additional needed: {needed} Please see"
            " troubleshooting guide, available here: https://aka.ms/oe-tsg#error-outofquota",
            "VmSize",
        )


def let_it_lack_cores(change: Change, size: str) -> None:
    """Let a cluster fail, of which not even one machine could ever start."""
    limit, cores = change.cloud.cores, _of_size(size)
    if limit is not None and cores > limit:
        said = (
            f"The specified subscription has a total vCPU quota of {limit} and cannot accomodate"
            f" for at least 1 requested managed compute node which maps to {cores} vCPUs."
        )
        change.cloud.operations.plan(change.id.id, error=("BadRequest", said))


def _of_instances(size: str, count: int) -> int:
    return math.ceil(count * _FOR_UPGRADES) * _of_size(size)


def _of_size(size: str) -> int:
    if found := _OF_D_V2.fullmatch(size):
        number = int(found[1])
        return _CORES_OF_D_V2.get(number, number)
    found = _SIZE.match(size)
    return int(found[1]) if found else 1
