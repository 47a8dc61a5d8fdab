"""The server's metrics, in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import partial

from runner.local.serving.deployment import Deployment

# From a model that answers at once to the longest timeout there is, 180 s.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180)


class Metrics:
    """A registry of its own, so that an endpoint counts nothing but itself."""

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
        for deployment in deployments:
            ready.labels(deployment.plan.name).set_function(partial(_ready, deployment))
            self._in_flight.labels(deployment.plan.name)

    def answered(self, deployment: str | None, status: int, mirrored: bool = False) -> None:
        self._requests.labels(deployment or "", status, str(mirrored).lower()).inc()

    def scoring(self, deployment: str) -> AbstractContextManager[object]:
        """While it lasts, a request is in flight."""
        return self._in_flight.labels(deployment).track_inprogress()

    def took(self, deployment: str, seconds: float) -> None:
        self._seconds.labels(deployment).observe(seconds)

    def text(self) -> tuple[bytes, str]:
        """All of them, and the content type they are written in."""
        from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4


def _ready(deployment: Deployment) -> float:
    return deployment.ready
