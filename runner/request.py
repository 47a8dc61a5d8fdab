"""From what a call asks for to the endpoint, the deployment, the settings and the data it means."""

from __future__ import annotations


def only_deployment(endpoint: str, deployment: str) -> str:
    """What is said where an invocation names no deployment, and the endpoint has no default."""
    return f"endpoint {endpoint!r} has no default deployment; its only one, {deployment!r}, is used"
