"""A stand-in's calls as a test makes them, without gRPC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import struct_pb2


class Aborted(Exception):
    """The call ended with an error, as gRPC's own context has it."""


class Context:
    """A context that keeps the error which a call answers with."""

    def __init__(self) -> None:
        self.trailing: tuple[tuple[str, bytes], ...] = ()

    def set_trailing_metadata(self, metadata: tuple[tuple[str, bytes], ...]) -> None:
        self.trailing = metadata

    def abort(self, code: Any, message: str) -> None:
        raise Aborted(message)


def struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Return properties as they are sent."""
    given = struct_pb2.Struct()
    given.update(properties)
    return given
