"""A cluster that goes, and one that would be made anew."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.dynamic import Config, ConfigureRequest
from pulumi.output import UNKNOWN

from infra.dynamic.deletion import ClusterDeletionProvider, WouldBeMadeAnew
from infra.dynamic.resource_manager import ResourceManagerError
from tests.emulator.seed import LOCATION, SeededWorkspace

CLUSTER = {
    "computeType": "AmlCompute",
    "properties": {"vmSize": "Standard_DS3_v2", "scaleSettings": {"maxNodeCount": 1}},
}


@pytest.fixture
def provider() -> ClusterDeletionProvider:
    made = ClusterDeletionProvider()
    made.configure(ConfigureRequest(Config({}, "scoring")))
    return made


@pytest.fixture
def cluster(azure_workspace: SeededWorkspace) -> str:
    azure_workspace.put("computes/old", CLUSTER, location=LOCATION)
    return f"{azure_workspace.id}/computes/old"


def test_a_cluster_is_deleted_with_its_machines(
    provider: ClusterDeletionProvider, azure_workspace: SeededWorkspace, cluster: str
) -> None:
    made = provider.create({"cluster": cluster})
    assert provider.read(made.id, {"cluster": cluster}).id == cluster
    azure_workspace.emulator.requests.clear()
    provider.delete(made.id, {"cluster": cluster})
    (sent,) = [
        request for request in azure_workspace.emulator.requests if request.method == "DELETE"
    ]
    assert sent.query["underlyingResourceAction"] == "Delete"
    assert provider.read(made.id, {"cluster": cluster}).id == ""
    provider.delete(made.id, {"cluster": cluster})  # somebody was faster


def test_a_cluster_whose_machines_work_stays(
    provider: ClusterDeletionProvider, azure_workspace: SeededWorkspace, cluster: str
) -> None:
    state = azure_workspace.emulator.cloud.state
    found = state.get(cluster)
    assert found is not None
    nodes = {**found.properties["properties"], "nodeStateCounts": {"runningNodeCount": 2}}
    state.update(found, {"properties": nodes})
    with pytest.raises(ResourceManagerError, match=r"old has 2 machines at work.* `runner jobs"):
        provider.delete(cluster, {"cluster": cluster})
    assert state.get(cluster) is not None


@pytest.mark.parametrize("news", [{"cluster": "/c/old"}, {}])
def test_nothing_of_it_ever_changes(news: dict[str, Any]) -> None:
    found = ClusterDeletionProvider().diff("/c/old", {"cluster": "/c/old"}, news)
    assert found.changes is False


def test_a_cluster_that_would_be_made_anew_is_refused_with_what_to_write() -> None:
    with pytest.raises(WouldBeMadeAnew, match=r"cluster old .*beside it under another name"):
        ClusterDeletionProvider().diff("/c/old", {"cluster": "/c/old"}, {"cluster": UNKNOWN})
