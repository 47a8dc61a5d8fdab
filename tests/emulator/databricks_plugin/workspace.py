"""A small client of a Databricks workspace: signs in as on Azure, and sends."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.emulator.plugin.provider import Refusal
from tests.emulator.plugin.sign_in import SECONDS_A_REQUEST, SignIn

SCOPE = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d/.default"
_TRIES = 4
_TRY_AGAIN = frozenset({429, 500, 502, 503, 504})
_PAUSE = 0.1


class Gone(Refusal):
    """There is no such thing."""


@dataclass
class Workspace:
    """A workspace as one account sees it. Safe to share between threads."""

    host: str
    resource_id: str
    sign_in: SignIn

    def get(self, path: str, /, **query: str) -> dict[str, Any]:
        """Read. Raises `Gone`, `Refusal`."""
        return self._send("GET", path, query)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send. Raises `Gone`, `Refusal`."""
        return self._send("POST", path, {}, body)

    def put(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Replace. Raises `Gone`, `Refusal`."""
        return self._send("PUT", path, {}, body)

    def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change. Raises `Gone`, `Refusal`."""
        return self._send("PATCH", path, {}, body)

    def delete(self, path: str, /, **query: str) -> None:
        """Delete. Raises `Gone`, `Refusal`."""
        self._send("DELETE", path, query)

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        for left in reversed(range(_TRIES)):
            answer = self.sign_in.session().request(
                method,
                f"{self.host}/api/{path}",
                params=query,
                json=body,
                headers={
                    "Authorization": f"Bearer {self.sign_in.token(SCOPE)}",
                    # By these an identity that the workspace doesn't know yet becomes its
                    # administrator, where Azure lets it manage the workspace.
                    "X-Databricks-Azure-SP-Management-Token": self.sign_in.token(),
                    "X-Databricks-Azure-Workspace-Resource-Id": self.resource_id,
                },
                timeout=SECONDS_A_REQUEST,
            )
            if answer.status_code not in _TRY_AGAIN or not left:
                break
            time.sleep(_PAUSE)
        if answer.ok:
            told: dict[str, Any] = answer.json() if answer.content else {}
            return told
        raise _refusal(answer.status_code, answer.text)


def _refusal(status: int, text: str) -> Refusal:
    import json

    try:
        told = json.loads(text)
        message = f"{told['error_code']}: {told['message']}"
    except (KeyError, TypeError, ValueError):
        return Refusal(f"status {status}: {text[:500]}")
    # Clusters and jobs that aren't there are told of with status 400.
    return Gone(message) if status == 404 or "does not exist" in message else Refusal(message)
