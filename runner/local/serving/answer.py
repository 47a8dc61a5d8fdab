"""The record of an answer to a request."""

from __future__ import annotations

import json
from dataclasses import dataclass

JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    """An answer of HTTP: a status, a body, and headers as names and values in their order.

    `by_model` tells what the model or script said from what is said in front of it: Azure hands
    on the former's errors as 424. `notice` is worth a line in the server's log, once for a
    deployment.
    """

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (("content-type", JSON),)
    by_model: bool = False
    notice: str | None = None

    @property
    def content_type(self) -> str:
        """Return the value of the header of that name; empty where there is none."""
        return next((value for name, value in self.headers if name.lower() == "content-type"), "")


def refuse(status: int, message: str, by_model: bool = False) -> Answer:
    """Return an error as Azure's inference server words it: `{"message": …}`."""
    return Answer(status, json.dumps({"message": message}).encode(), by_model=by_model)
