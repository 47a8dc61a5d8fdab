"""A schedule that is due: its endpoint is asked as it says."""

from __future__ import annotations

from tests.emulator.batch.invocation import accept
from tests.emulator.cloud import Cloud
from tests.emulator.state import Resource


def fire(cloud: Cloud, schedule: Resource) -> Resource:
    """Make the job that a schedule makes when it is due."""
    call = schedule.properties["action"]["endpointInvocationDefinition"]
    endpoint = cloud.state.get(call["endpointId"])
    assert endpoint is not None, "the service refuses a schedule of an endpoint that is not there"
    return accept(cloud, endpoint, call.get("deploymentName"), {"properties": call["properties"]})
