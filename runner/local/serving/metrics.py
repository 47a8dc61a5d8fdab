"""Counts requests, and writes the counts in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from runner.local.serving.deployment import Deployment

if TYPE_CHECKING:
    from prometheus_client import Counter, Gauge, Histogram

# From a model that answers at once to the longest timeout there is, 180 s.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180)


class Metrics:
    """The metrics of an endpoint, in a registry of their own."""

    def __init__(self, deployments: Iterable[Deployment]) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self._registry = CollectorRegistry()
        self._requests = Counter(
            "runner_requests",
            "Requests answered; the deployment is empty where none was reached.",
            ["deployment", "status", "mirrored"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "runner_request_seconds",
            "Seconds from a request's whole body to its answer.",
            ["deployment"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._in_flight = Gauge(
            "runner_requests_in_flight",
            "Requests being scored or waiting to be.",
            ["deployment"],
            registry=self._registry,
        )
        ready = Gauge(
            "runner_processes_ready",
            "Processes that can score.",
            ["deployment"],
            registry=self._registry,
        )
        # Looking up labels takes longer than counting, so it is done once.
        self._answered: dict[tuple[str | None, int, bool], Counter] = {}
        self._scoring: dict[str, tuple[Gauge, Histogram]] = {}
        for deployment in deployments:
            ready.labels(deployment.plan.name).set_function(partial(_ready, deployment))
            self._scoring[deployment.plan.name] = (
                self._in_flight.labels(deployment.plan.name),
                self._seconds.labels(deployment.plan.name),
            )

    def answered(self, deployment: str | None, status: int, mirrored: bool = False) -> None:
        counted = (deployment, status, mirrored)
        counter = self._answered.get(counted)
        if counter is None:
            counter = self._requests.labels(deployment or "", status, str(mirrored).lower())
            self._answered[counted] = counter
        counter.inc()

    def began(self, deployment: str) -> None:
        """Count a request as in flight."""
        in_flight, _ = self._scoring[deployment]
        in_flight.inc()

    def ended(self, deployment: str, seconds: float) -> None:
        """Count a request as answered, after so many seconds."""
        in_flight, took = self._scoring[deployment]
        in_flight.dec()
        took.observe(seconds)

    def text(self) -> tuple[bytes, str]:
        """Return all metrics, and the content type that they are written in."""
        from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4


def _ready(deployment: Deployment) -> float:
    return deployment.ready
