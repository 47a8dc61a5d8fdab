"""What a request is answered with."""

from __future__ import annotations

import json
from dataclasses import dataclass

JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    """A status of HTTP and a body.

    `by_model` tells what the model or script said from what is said in front of it: Azure hands
    on the former's errors as 424.
    """

    status: int
    body: bytes
    content_type: str = JSON
    by_model: bool = False


def refuse(status: int, message: str, by_model: bool = False) -> Answer:
    """An error as Azure's inference server words it: `{"message": …}`."""
    return Answer(status, json.dumps({"message": message}).encode(), by_model=by_model)
