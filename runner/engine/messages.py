"""What a worker tells the process that forked it, as JSON: a worker runs strangers' code, and
unpickling what it sends would run that code here."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Union

from runner.engine.attempt import FileResult
from runner.engine.drivers.result import Result


@dataclass(frozen=True)
class Ready:
    """The driver is loaded."""

    warnings: tuple[str, ...] = ()  # what is to be said of it


@dataclass(frozen=True)
class Scored:
    """A mini-batch came through; its lines are in the worker's draft."""

    result: Result
    checksum: int = 0  # CRC-32 of the lines


@dataclass(frozen=True)
class Raised:
    """A mini-batch did not come through; another attempt may do better."""

    reason: str


@dataclass(frozen=True)
class Hopeless:
    """Something that no other attempt changes: the job fails."""

    reason: str


@dataclass(frozen=True)
class WantsWholeFiles:
    """The model did not answer once for each row of a slice, so no slice of it can be used."""

    reason: str


Message = Union[Ready, Scored, Raised, Hopeless, WantsWholeFiles]


def encode(message: Message) -> bytes:
    return json.dumps([type(message).__name__, asdict(message)]).encode()


def decode(content: bytes) -> Message:
    """Read what `encode` wrote. ValueError for what is not JSON."""
    kind, fields = json.loads(content)
    if kind == "Scored":
        result = fields["result"]
        files = tuple(FileResult(**file) for file in result.pop("files"))
        made = Result(files=files, warnings=tuple(result.pop("warnings")), **result)
        return Scored(made, fields["checksum"])
    if kind == "Ready":
        return Ready(tuple(fields["warnings"]))
    plain: dict[str, type[Raised | Hopeless | WantsWholeFiles]] = {
        "Raised": Raised,
        "Hopeless": Hopeless,
        "WantsWholeFiles": WantsWholeFiles,
    }
    return plain[kind](**fields)
