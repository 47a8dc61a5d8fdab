"""What is read of an MLflow run; what a server answers the platforms' own tests hold."""

from __future__ import annotations

import pytest

from runner.jobs.tracking_server import _thinned
from runner.workspace import Point


@pytest.mark.parametrize("count", [1, 1_000, 1_001, 54_321])
def test_a_long_curve_is_thinned_evenly_and_keeps_its_ends(count: int) -> None:
    points = [Point(step, float(step), step) for step in range(count)]
    thinned = _thinned(points)
    assert len(thinned) <= 1_000
    assert (thinned[0], thinned[-1]) == (points[0], points[-1])
    assert count > 1_000 or list(thinned) == points
