"""Stacks that were deployed before 0.1.0 name providers by the modules that these were in then."""

from __future__ import annotations

import pickle

import pytest
from pulumi.dynamic import ResourceProvider

FORMER = {
    "infra.cluster_deletion": "ClusterDeletionProvider",
    "infra.routing": "RoutingProvider",
    "infra.schedule_disabling": "ScheduleDisablingProvider",
    "infra.settling": "SettlingProvider",
}


@pytest.mark.parametrize(("module", "name"), FORMER.items())
def test_a_provider_that_an_older_state_names_is_found(module: str, name: str) -> None:
    """Pulumi's Python host unpickles it, before a refresh and before a deletion."""
    pickled = f"c{module}\n{name}\n.".encode()
    assert issubclass(pickle.loads(pickled), ResourceProvider)
