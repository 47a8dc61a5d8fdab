"""What is kept of a run with the model that it made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.workspace import Origin

if TYPE_CHECKING:
    from runner.workspace import Run

MOST_METRICS = 100  # of a run with very many, the first


def origin_of(run: Run) -> Origin:
    """What is kept of a job's run with a model that it made."""
    metrics = {name: metric.value for name, metric in run.metrics.items()}
    return Origin(run.id, run.commit, run.inputs, metrics)
