"""New role assignments are waited for once, and nothing else is."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.output import UNKNOWN

from infra.dynamic.role_delay import RoleDelayProvider

OLD = {"read": "/r", "write": "/w"}


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Provide the seconds of each sleep; no time passes."""
    seconds: list[float] = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


def inputs(assignments: Any, seconds: int = 180) -> dict[str, Any]:
    return {"assignments": assignments, "seconds": seconds}


def test_the_first_assignments_are_waited_for(slept: list[float]) -> None:
    made = RoleDelayProvider().create(inputs(OLD, 7))
    assert slept == [7]
    assert made.outs == inputs(OLD, 7)


@pytest.mark.parametrize(
    ("new", "waits"),
    [
        ({**OLD, "more": "/m"}, True),
        ({**OLD, "read": "/elsewhere"}, True),
        ({"read": "/r"}, False),
    ],
    ids=["one more", "one that is elsewhere", "one less"],
)
def test_a_new_assignment_is_waited_for_and_one_that_goes_is_not(
    new: dict[str, str], waits: bool, slept: list[float]
) -> None:
    provider = RoleDelayProvider()
    found = provider.diff("settled", inputs(OLD), inputs(new))
    assert (found.changes, found.replaces) == (True, [])
    assert provider.update("settled", inputs(OLD), inputs(new)).outs == inputs(new)
    assert slept == ([180] if waits else [])


def test_the_same_assignments_are_no_change_however_long_new_ones_would_be_waited_for() -> None:
    found = RoleDelayProvider().diff("settled", {**inputs(OLD), "__provider": "p"}, inputs(OLD, 0))
    assert (found.changes, found.replaces) == (False, [])


@pytest.mark.parametrize("new", [UNKNOWN, {**OLD, "read": UNKNOWN}], ids=["all", "one"])
def test_an_assignment_that_is_made_anew_under_its_id_is_waited_for_anew(new: Any) -> None:
    found = RoleDelayProvider().diff("settled", inputs(OLD), inputs(new))
    assert found.replaces == ["assignments"]
    assert found.delete_before_replace


def test_an_assignment_that_is_yet_to_be_made_is_an_update() -> None:
    found = RoleDelayProvider().diff("settled", inputs(OLD), inputs({**OLD, "more": UNKNOWN}))
    assert (found.changes, found.replaces) == (True, [])


def test_the_state_holds_a_small_provider_by_name() -> None:
    pickled = base64.b64decode(serialize_provider(RoleDelayProvider()))
    assert b"infra.dynamic.role_delay" in pickled
    assert len(pickled) < 100
