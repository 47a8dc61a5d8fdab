"""The record of a request as it is handed to a deployment's process."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """A request of HTTP, without the key it came with.

    `target` is the path with its query, as it came. `headers` are names and values in the order
    in which they came; those of the connection itself and Authorization are left out.
    """

    method: str = "POST"
    target: str = "/score"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Return the value of the first header of that name, however it is spelled."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)
