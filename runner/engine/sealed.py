"""JSON that tells when it was damaged: it ends with the CRC-32 of what stands before it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

_CHECK = b',"check":"'  # before the digits of the checksum


def seal(document: Mapping[str, Any]) -> bytes:
    """Write a mapping that is not empty on one line."""
    body = json.dumps(document, separators=(",", ":")).encode()[:-1]
    return body + _CHECK + _checksum(body)


def unseal(text: bytes) -> dict[str, Any]:
    """Read what `seal` wrote. ValueError for anything else."""
    body, _, check = text.rpartition(_CHECK)
    if check != _checksum(body):
        raise ValueError("not as it was written")
    document: dict[str, Any] = json.loads(body + b"}")
    return document


def _checksum(body: bytes) -> bytes:
    return b'%08x"}' % zlib.crc32(body)
