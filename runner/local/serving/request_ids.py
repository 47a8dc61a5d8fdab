"""Reads and gives back the ids of requests, as Azure's inference server does.

Source: azureml-inference-server-http, `server/routes.py`.
"""

from __future__ import annotations

import uuid
from dataclasses import replace

from runner.local.serving.answer import Answer
from runner.local.serving.request import Request

ID, _CLIENTS, _LEGACY = "x-request-id", "x-ms-client-request-id", "x-ms-request-id"
LONGEST = 100  # characters


def with_id(request: Request) -> Request:
    """Return the request with an id, made where it brings none."""
    if request.header(ID) is not None:
        return request
    return replace(request, headers=(*request.headers, (ID, str(uuid.uuid4()))))


def with_ids(answer: Answer, request: Request) -> Answer:
    """Return the answer with the request's ids, but for those that it has or that are too long."""
    own, clients, legacy = ids_of(request)
    if len(own) > LONGEST:
        return answer
    found = {ID: own}
    if max(len(clients), len(legacy)) <= LONGEST:
        found |= {_CLIENTS: clients, _LEGACY: legacy}
    there = {name.lower() for name, _ in answer.headers}
    more = ((name, value) for name, value in found.items() if value and name not in there)
    return replace(answer, headers=(*answer.headers, *more))


def ids_of(request: Request) -> tuple[str, str, str]:
    """Return the request's own id, its client's, and the id by its old name that stands for either.

    A header that comes twice counts as one, as WSGI has it.
    """
    found = {ID: "", _CLIENTS: "", _LEGACY: ""}
    for name, value in request.headers:
        key = name.lower()
        if key in found:
            found[key] = f"{found[key]},{value}" if found[key] else value
    own, legacy = found[ID], found[_LEGACY]
    clients = found[_CLIENTS] or legacy
    return own, clients, legacy or clients or own
