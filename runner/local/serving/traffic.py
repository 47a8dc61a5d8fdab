"""Chooses the deployment that answers a request."""

from __future__ import annotations

from collections.abc import Mapping

from runner.local.serving.answer import Answer, refuse

HEADER = "azureml-model-deployment"  # asks for a deployment, and in an answer names its own


def choose(traffic: Mapping[str, int], chance: float) -> str | None:
    """Return the deployment for a chance drawn evenly from 0 (inclusive) to 1 (exclusive).

    None where no deployment has traffic.
    """
    point = chance * sum(traffic.values())
    for name, share in traffic.items():
        if point < share:
            return name
        point -= share
    return None


def nobody(endpoint: str) -> Answer:
    """Return Azure's answer where no deployment has traffic."""
    return refuse(
        404,
        f"no deployment of endpoint {endpoint!r} has traffic; give one some, or name it in the"
        f" header {HEADER}, which is --deployment of runner invoke",
    )
