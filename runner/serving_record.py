"""Keeps how long an online endpoint's deployments took when they were last served on this machine,
and says whether Azure would wait as long.

The record is `<home>/endpoints/<name>/served.json`, by deployment.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from runner.declarations import OnlineDeployment, Probe
from runner.files.atomic import write_atomically

# Seconds, and how often: Azure's where a probe declares nothing.
# Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-deployment-managed-online
_DELAY, _PERIOD, _FAILURES = 10, 10, 30


@dataclass(frozen=True)
class Served:
    """A deployment's last time on this machine."""

    start_seconds: float  # until its slowest process was ready
    slowest_seconds: float = 0.0  # of its requests, those given up too; 0 without any


@dataclass(frozen=True)
class TooShort:
    """A declared time that Azure would end before the deployment is done."""

    keys: tuple[str, ...]  # by which the deployment declares it
    text: str


def served_before(home: Path, endpoint: str) -> Mapping[str, Served]:
    """Return the records of an endpoint's deployments by name; none if it was never served."""
    try:
        content = json.loads(_file(home / "endpoints" / endpoint).read_text(encoding="utf-8"))
        return {name: Served(**known) for name, known in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # never served, or by another version


def record_starts(folder: Path, seconds: Mapping[str, float]) -> None:
    """Keep how long each deployment of an endpoint took to be ready."""
    known = served_before(folder.parent.parent, folder.name)
    _write(
        folder,
        {
            name: replace(known.get(name, Served(took)), start_seconds=took)
            for name, took in seconds.items()
        },
    )


def record_slowest(folder: Path, seconds: Mapping[str, float]) -> None:
    """Keep the slowest request of each deployment, where it had any."""
    known = served_before(folder.parent.parent, folder.name)
    _write(
        folder,
        {
            name: replace(served, slowest_seconds=seconds.get(name) or served.slowest_seconds)
            for name, served in known.items()
        },
    )


def too_short(declared: OnlineDeployment, served: Served) -> Iterator[TooShort]:
    """Yield the probes and the timeout of Azure's that end before a deployment was done here."""
    yield from short_probes(declared, served)
    yield from short_timeout(declared, served)


def short_probes(declared: OnlineDeployment, served: Served) -> Iterator[TooShort]:
    """Yield the probes that give up before the time that the container's start took here."""
    for key, probe, then in (
        ("liveness_probe", declared.liveness_probe, "starts the container anew"),
        ("readiness_probe", declared.readiness_probe, "takes it for one that is never ready"),
    ):
        patience = _patience(probe or Probe())
        if patience < served.start_seconds:
            text = (
                f"Azure {then} after {patience} s (initial_delay + period x failure_threshold),"
                f" and its last start here took {served.start_seconds:.0f} s: raise initial_delay"
            )
            yield TooShort((key,), text)


def short_timeout(declared: OnlineDeployment, served: Served) -> Iterator[TooShort]:
    """Yield the request timeout, where a request took longer here."""
    limit, took = declared.request_settings.request_timeout_ms, served.slowest_seconds * 1000
    if took >= limit:
        text = (
            f"Azure answers 408 after {limit} ms, and a request took {took:.0f} ms when this was"
            " last served here: raise request_timeout_ms, to 180000 at most"
        )
        yield TooShort(("request_settings", "request_timeout_ms"), text)


def _patience(probe: Probe) -> int:
    """Return the seconds from the container's start until a probe that never succeeds gives up."""
    delay = _DELAY if probe.initial_delay is None else probe.initial_delay
    return delay + (probe.period or _PERIOD) * (probe.failure_threshold or _FAILURES)


def _write(folder: Path, served: Mapping[str, Served]) -> None:
    content = {
        name: {key: round(value, 3) for key, value in asdict(record).items()}
        for name, record in served.items()
    }
    write_atomically(_file(folder), json.dumps(content))


def _file(folder: Path) -> Path:
    return folder / "served.json"
