"""What a worker has sent, read as far as it is there: half a message keeps nobody waiting."""

from __future__ import annotations

import os
import socket
import struct
from multiprocessing.connection import Connection

LARGEST = 256 << 20  # bytes of a message; what a worker says of a mini-batch has kilobytes
_AT_ONCE = 1 << 20  # bytes
# How `Connection.send_bytes` begins a message: its length, or -1 and the length in eight bytes.
_LENGTH, _LONG_LENGTH = struct.Struct("!i"), struct.Struct("!Q")


class Inbox:
    """The receiving side of a connection, in place of `Connection.recv_bytes`, which blocks."""

    def __init__(self, connection: Connection) -> None:
        self._socket = socket.socket(fileno=os.dup(connection.fileno()))
        self._read = bytearray()

    def take(self) -> list[bytes]:
        """The messages that are whole by now.

        Raises EOFError where no more can come, and ValueError for what is no message.
        """
        try:
            read = self._socket.recv(_AT_ONCE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        if not read:
            raise EOFError
        self._read += read
        messages = []
        while (size := self._size()) is not None and len(self._read) >= sum(size):
            head, body = size
            messages.append(bytes(self._read[head : head + body]))
            del self._read[: head + body]
        return messages

    def close(self) -> None:
        self._socket.close()

    def _size(self) -> tuple[int, int] | None:
        """The bytes of the next message's beginning and of itself; None where more must come."""
        if len(self._read) < _LENGTH.size:
            return None
        head = _LENGTH.size
        (body,) = _LENGTH.unpack_from(self._read)
        if body == -1:
            head += _LONG_LENGTH.size
            if len(self._read) < head:
                return None
            (body,) = _LONG_LENGTH.unpack_from(self._read, _LENGTH.size)
        if not 0 <= body <= LARGEST:
            raise ValueError(f"a message of {body} bytes")
        return head, body
