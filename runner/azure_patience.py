"""Whether Azure would give an online deployment the time that it took on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from runner.declarations import OnlineDeployment, Probe
from runner.serving_record import Served

# Where a declaration says nothing.
# Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-deployment-managed-online
_DELAY, _PERIOD, _FAILURES = 10, 10, 30


@dataclass(frozen=True)
class TooShort:
    """A declared time that Azure would end before the deployment is done."""

    keys: tuple[str, ...]  # by which the deployment declares it
    text: str


def too_short(declared: OnlineDeployment, served: Served) -> Iterator[TooShort]:
    """The probes and the timeout of Azure's that end before a deployment was done here."""
    yield from short_probes(declared, served)
    yield from short_timeout(declared, served)


def short_probes(declared: OnlineDeployment, served: Served) -> Iterator[TooShort]:
    """The probes that give up before the container has had the time that its start took here."""
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
    """The request timeout, where a request took longer here."""
    limit, took = declared.request_settings.request_timeout_ms, served.slowest_seconds * 1000
    if took >= limit:
        text = (
            f"Azure answers 408 after {limit} ms, and a request took {took:.0f} ms when this was"
            " last served here: raise request_timeout_ms, to 180000 at most"
        )
        yield TooShort(("request_settings", "request_timeout_ms"), text)


def _patience(probe: Probe) -> int:
    """The seconds from the container's start until a probe that never succeeds gives up."""
    delay = _DELAY if probe.initial_delay is None else probe.initial_delay
    return delay + (probe.period or _PERIOD) * (probe.failure_threshold or _FAILURES)
