"""The refusals of Azure Machine Learning: code UserError, and the reason in the message."""

from __future__ import annotations

import json
import uuid
from typing import Any

from tests.emulator.messages import Refusal
from tests.emulator.state import Resource

# The SDK recognises this very text.
ASSET_PATH_CHANGED = "Asset paths cannot be updated."
DATA_CHANGED = (
    "A data version with this name and version already exists. If you are trying to create a new"
    " data version, use a different name or version. If you are trying to update an existing data"
    " version, the existing asset's data uri cannot be changed. Only tags, description, and"
    " isArchived can be updated."
)


def invalid(message: str, target: str | None = None) -> Refusal:
    """400: the request makes no sense."""
    more: dict[str, Any] = {"target": target} if target else {}
    return Refusal(400, "UserError", message, **more)


def refused_by_inference(reason: str, field: str = "") -> Refusal:
    """400: what stands behind online endpoints doesn't take it, and says why in a detail."""
    said = {
        "errors": {field: [reason]},
        "type": "https://tools.ietf.org/html/rfc7231#section-6.5.1",
        "title": "One or more validation errors occurred.",
        "status": 400,
        "traceId": f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01",
    }
    detail = {
        "code": "InferencingClientCallFailed",
        "message": json.dumps(said, separators=(",", ":")),
    }
    return Refusal(400, "BadRequest", "The request is invalid.", details=[detail])


def conflict(message: str) -> Refusal:
    """409: it makes no sense now."""
    return Refusal(409, "Conflict", message)


def require_unchanged(old: Resource | None, new: dict[str, Any], *names: str) -> None:
    """Refuse another value of a property that is set once and for all; left out, it stays."""
    if old is None:
        return
    for name in names:
        before = old.properties.get(name)
        if name not in new and before is not None:
            new[name] = before
        if new.get(name) != before and not _same(new.get(name), before):
            raise invalid(
                f"The property '{name}' cannot be changed once it is set: it is"
                f" '{before}', and '{new.get(name)}' was requested.",
                target=f"properties.{name}",
            )


def _same(value: Any, other: Any) -> bool:
    return isinstance(value, str) and isinstance(other, str) and value.lower() == other.lower()
