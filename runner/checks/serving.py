"""Online deployments as they were served on this machine: would Azure give them the time?"""

from __future__ import annotations

from collections.abc import Iterator

from runner.checks.finding import Finding, warning
from runner.checks.subject import Subject
from runner.declarations import OnlineDeployment, Probe

# Where a declaration says nothing.
# Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-deployment-managed-online
_DELAY, _PERIOD, _FAILURES = 10, 10, 30


def of_subject(subject: Subject) -> Iterator[Finding]:
    """Compare the time an online deployment took here with the time it has on Azure."""
    yield from probes(subject)
    yield from request_timeout(subject)


def probes(subject: Subject) -> Iterator[Finding]:
    """No probe gives up before the container has had the time that its start took here."""
    declared, served = subject.declared, subject.served
    if not isinstance(declared, OnlineDeployment) or served is None:
        return
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
            yield warning(subject.place(key), "probe", text)


def request_timeout(subject: Subject) -> Iterator[Finding]:
    """No request took longer here than Azure waits for one."""
    declared, served = subject.declared, subject.served
    if not isinstance(declared, OnlineDeployment) or served is None:
        return
    limit, took = declared.request_settings.request_timeout_ms, served.slowest_seconds * 1000
    if took >= limit:
        text = (
            f"Azure answers 408 after {limit} ms, and a request took {took:.0f} ms when this was"
            " last served here: raise request_timeout_ms, to 180000 at most"
        )
        place = subject.place("request_settings", "request_timeout_ms")
        yield warning(place, "request-timeout", text)


def _patience(probe: Probe) -> int:
    """The seconds from the container's start until a probe that never succeeds gives up."""
    delay = _DELAY if probe.initial_delay is None else probe.initial_delay
    return delay + (probe.period or _PERIOD) * (probe.failure_threshold or _FAILURES)
