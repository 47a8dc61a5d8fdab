"""Answers as they are recorded: without what differs from one request to the next."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("recorded")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MILLISECONDS = re.compile(r"\d+\.\d{3}")
_OF_THE_CONNECTION = ("connection", "content-length", "date", "server")
# What most answers of a status have; only others are written.
_USUAL = {
    200: {
        "content-type": "application/json",
        "x-ms-request-id": "<id>",
        "x-ms-run-fn-exec-ms": "<ms>",
        "x-ms-run-function-failed": "False",
        "x-ms-server-version": "<version>",
        "x-request-id": "<id>",
    }
}
_USUAL[400] = {k: v for k, v in _USUAL[200].items() if k != "x-ms-run-fn-exec-ms"}
_USUAL[500] = {**_USUAL[400], "x-ms-run-function-failed": "True"}


@dataclass(frozen=True)
class Recorded:
    """An answer: its status, its body as text, its headers by their names in small letters.

    Of an error the body is left out: it is a message, which may be in other words.
    """

    status: int
    body: str
    headers: dict[str, str]


def kept_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the headers that count, with a sign where the value is another at every request."""
    kept: dict[str, str] = {}
    for name, value in sorted((name.lower(), value) for name, value in headers):
        if name in _OF_THE_CONNECTION:
            continue
        if _UUID.fullmatch(value):
            value = "<id>"
        elif name == "x-ms-run-fn-exec-ms" and _MILLISECONDS.fullmatch(value):
            value = "<ms>"
        elif name == "x-ms-server-version" and value.partition("/")[0] in ("azmlinfsrv", "runner"):
            value = "<version>"
        elif name == "allow":
            value = ", ".join(sorted(value.split(", ")))
        kept[name] = f"{kept[name]}, {value}" if name in kept else value
    return kept


def kept_body(status: int, body: bytes) -> str:
    """Return the body as text, with a sign for today; of a description all but Microsoft's
    prose."""
    if status >= 400:
        return ""
    # pandas reads a time without a day as one of the day on which it reads it.
    text = body.decode().replace(f"Timestamp('{datetime.now():%Y-%m-%d} ", "Timestamp('<today> ")
    if '"ServiceInput"' in text:
        return json.dumps(without_prose(json.loads(text)))
    return text


def without_prose(document: Any) -> Any:
    """Return a description of a service as its structure alone."""
    if isinstance(document, dict):
        return {
            key: without_prose(value)
            for key, value in document.items()
            if not (key == "description" and isinstance(value, str))
        }
    return [without_prose(item) for item in document] if isinstance(document, list) else document


def write(path: Path, answers: dict[str, Recorded]) -> None:
    """Write the answers to a model's requests, each on a line of its own."""
    lines = []
    for case, answer in answers.items():
        unusual = [] if answer.headers == _USUAL.get(answer.status) else [answer.headers]
        body = [answer.body] if answer.body or unusual else []
        entry = json.dumps([answer.status, *body, *unusual], ensure_ascii=False)
        lines.append(f"{json.dumps(case, ensure_ascii=False)}: {entry}")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def read(path: Path) -> dict[str, Recorded]:
    """Return the answers to a model's requests, by the requests' names."""
    found = json.loads(path.read_text())
    return {
        case: Recorded(
            status, rest[0] if rest else "", rest[1] if len(rest) > 1 else _USUAL[status]
        )
        for case, (status, *rest) in found.items()
    }
