"""The messages of a worker to the process that forked it, as JSON: a worker runs strangers' code,
and unpickling what it sends would run that code here."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Union

from runner.engine.attempt import FileResult
from runner.engine.drivers.result import Result
from runner.tally import merge


@dataclass(frozen=True)
class Ready:
    """The driver is loaded."""

    warnings: tuple[str, ...] = ()  # about it


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
    """Read what `encode` wrote. ValueError for anything else."""
    try:
        message = _decode(content)
        if not _is_sound(message):
            raise ValueError("what it says is of other types")
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None
    return message


def _is_sound(message: Message) -> bool:
    """Tell whether the fields of a message that the job counts by have the right types.

    A value that is wrong in spite of its type raises where it is counted with.
    """
    if isinstance(message, Ready):
        return _are_texts(message.warnings)
    if not isinstance(message, Scored):
        return isinstance(message.reason, str)
    result = message.result
    merge([result.tally, result.tally])
    texts = [file.name for file in result.files] + list(result.warnings)
    maybe_texts = [result.retry, *(file.error for file in result.files)]
    maybe_numbers = [result.rows, *(file.rows for file in result.files)]
    return (
        _are_texts(texts)
        and all(text is None or isinstance(text, str) for text in maybe_texts)
        and all(number is None or type(number) is int for number in maybe_numbers)
        and type(result.missing) is int
        and type(message.checksum) is int
        and isinstance(result.tally, dict)
        and _are_texts(result.number_types.values())
    )


def _are_texts(values: Iterable[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def _decode(content: bytes) -> Message:
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
