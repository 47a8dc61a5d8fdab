"""The types of Azure Machine Learning."""

from __future__ import annotations

from tests.emulator.kinds import Kind
from tests.emulator.ml import (
    assets,
    batch,
    computes,
    connections,
    datastores,
    jobs,
    networks,
    online,
    registries,
    schedules,
    workspaces,
)

KINDS: tuple[Kind, ...] = (
    workspaces.KIND,
    networks.KIND,
    datastores.KIND,
    computes.KIND,
    connections.KIND,
    *assets.KINDS,
    *batch.KINDS,
    *online.KINDS,
    jobs.KIND,
    schedules.KIND,
    *registries.KINDS,
)
