"""Packs and unpacks the messages between a server and a process: a head in JSON, and a body."""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

MOST_ANSWERED = 100_000_000  # bytes of an answer, which is held in memory before it is sent
_SIZES = struct.Struct("!IQ")  # of the head and of the body, in bytes


def pack(head: object, body: bytes = b"") -> bytes:
    """Return the bytes of a message."""
    written = json.dumps(head).encode()
    return b"".join((_SIZES.pack(len(written), len(body)), written, body))


def unpack(received: bytearray) -> tuple[Any, bytes] | None:
    """Take a message out of what was received; None while some of its bytes are missing.

    ValueError for what is no message, such as one that is larger than any answer.
    """
    if len(received) < _SIZES.size:
        return None
    head, body = _SIZES.unpack_from(received)
    if head > MOST_ANSWERED or body > MOST_ANSWERED:
        raise ValueError
    starts, ends = _SIZES.size + head, _SIZES.size + head + body
    if len(received) < ends:
        return None
    told = json.loads(received[_SIZES.size : starts]), bytes(received[starts:ends])
    del received[:ends]
    return told


def read(stream: BinaryIO) -> tuple[Any, bytes]:
    """Return the head and the body of the next message. Raises EOFError where there is none."""
    head, body = _SIZES.unpack(_read(stream, _SIZES.size))
    return json.loads(_read(stream, head)), _read(stream, body)


def _read(stream: BinaryIO, size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise EOFError
    return content
