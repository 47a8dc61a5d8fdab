"""Names the commands that deploy a stack, as they can be typed, for the end of an error message."""

from __future__ import annotations


def pulumi_up(stack: str | None) -> str:
    """Return `pulumi up` of a stack in backquotes; ENV stands for a name that is not known."""
    return f"`pulumi up --stack {stack or 'ENV'}`"


def first_deployment(stack: str | None, endpoint: str, *, online: bool = False) -> str:
    """Return the commands that give an endpoint, by its logical name, its first deployment."""
    # Of itself `--pin` takes batch deployments only.
    named = f" --deployment {endpoint}/DEPLOYMENT" if online else ""
    return (
        f"register and pin a model with `runner models register --env {stack or 'ENV'} --pin"
        f"{named}`, then run {pulumi_up(stack)}"
    )
