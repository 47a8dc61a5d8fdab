"""Checks whether Azure would give an online deployment as much time as it took on this machine."""

from __future__ import annotations

from collections.abc import Iterator

from runner.checks.finding import Finding, warning
from runner.checks.subject import Subject
from runner.declarations import OnlineDeployment
from runner.serving_record import short_probes, short_timeout


def check_subject(subject: Subject) -> Iterator[Finding]:
    """Check that no probe and no timeout of an online deployment is shorter than it took here."""
    declared, served = subject.declared, subject.served
    if isinstance(declared, OnlineDeployment) and served is not None:
        for probe in short_probes(declared, served):
            yield warning(subject.place(*probe.keys), "probe", probe.text)
        for timeout in short_timeout(declared, served):
            yield warning(subject.place(*timeout.keys), "request-timeout", timeout.text)
