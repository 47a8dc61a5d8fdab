"""Keeps the origin of a registered version in the version's properties.

Azure itself keeps a job's name where a version was registered by a job's address. The rest are
properties, which never change; their names begin with `runner.`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from runner.jobs.logged_models import MOST_METRICS
from runner.workspace import Origin

PATH = "runner.path"  # the place that was registered, where Azure was given another address of it
_JOB = "runner.job"
_RUN = "runner.run"
_COMMIT = "runner.commit"
_DATA = "runner.data."
_METRIC = "runner.metric."
_OURS = "runner."


class Noted(NamedTuple):
    """The properties of a version, taken apart."""

    properties: dict[str, str]  # that are not the runner's
    job: str | None
    origin: Origin | None


def note(job: str | None, origin: Origin | None) -> dict[str, str]:
    """Return the properties that keep an origin; of very many metrics, the first hundred."""
    origin = origin or Origin()
    kept = {_JOB: job, _RUN: origin.run, _COMMIT: origin.commit}
    kept |= {f"{_DATA}{name}": read for name, read in origin.data.items()}
    metrics = islice(origin.metrics.items(), MOST_METRICS)
    kept |= {f"{_METRIC}{name}": repr(value) for name, value in metrics}
    return {name: value for name, value in kept.items() if value}


def read_note(properties: Mapping[str, str]) -> Noted:
    """Read an origin from a version's properties."""
    others = {name: value for name, value in properties.items() if not name.startswith(_OURS)}
    origin = Origin(
        properties.get(_RUN),
        properties.get(_COMMIT),
        _below(properties, _DATA),
        dict(_numbers(_below(properties, _METRIC))),
    )
    return Noted(others, properties.get(_JOB), None if origin == Origin() else origin)


def _numbers(texts: Mapping[str, str]) -> Iterator[tuple[str, float]]:
    for name, text in texts.items():
        with suppress(ValueError):  # somebody else wrote it
            yield name, float(text)


def _below(properties: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {
        name.removeprefix(prefix): value
        for name, value in properties.items()
        if name.startswith(prefix)
    }
