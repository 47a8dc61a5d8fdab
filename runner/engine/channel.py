"""Messages to and from a worker, sent and read as far as that goes without waiting for it.

They are framed as `Connection.send_bytes` and `recv_bytes` do it, which the worker uses: those
block until a message is whole.
"""

from __future__ import annotations

import os
import socket
import struct
from multiprocessing.connection import Connection

LARGEST = 256 << 20  # bytes of a message; what a worker says of a mini-batch has kilobytes
_AT_ONCE = 1 << 20  # bytes
# A message begins with its length; a longer one with -1 and the length in eight bytes.
_LENGTH, _LONG_LENGTH = struct.Struct("!i"), struct.Struct("!Q")


class Channel:
    """This process's side of a connection to a worker."""

    def __init__(self, connection: Connection) -> None:
        self._socket = socket.socket(fileno=os.dup(connection.fileno()))
        self._read = bytearray()
        self._unsent = bytearray()

    def receive(self) -> list[bytes]:
        """Return the messages that are whole by now.

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

    def send(self, message: bytes | None = None) -> bool:
        """Send a message, or what is left of earlier ones, as far as there is room.

        Returns whether that was all. Raises OSError where nobody can read it any more.
        """
        if message is not None:
            self._unsent += _LENGTH.pack(len(message)) + message
        while self._unsent:
            try:
                sent = self._socket.send(self._unsent, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return False
            del self._unsent[:sent]
        return True

    def close(self) -> None:
        self._socket.close()

    def _size(self) -> tuple[int, int] | None:
        """Return how many bytes the next message's beginning and the message have.

        None where more of it must come to tell.
        """
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
