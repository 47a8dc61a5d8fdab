"""What a worker is sent, as far as it takes it: one that reads nothing keeps nobody waiting."""

from __future__ import annotations

import os
import socket
import struct
from multiprocessing.connection import Connection

# How `Connection.recv_bytes` has a message begin, as long as it is not of gigabytes.
_LENGTH = struct.Struct("!i")


class Outbox:
    """The sending side of a connection, in place of `Connection.send_bytes`, which blocks."""

    def __init__(self, connection: Connection) -> None:
        self._socket = socket.socket(fileno=os.dup(connection.fileno()))
        self._left = bytearray()

    def put(self, message: bytes) -> bool:
        """Send a message, or as much of it as there is room for. Returns and raises as `send`."""
        self._left += _LENGTH.pack(len(message)) + message
        return self.send()

    def send(self) -> bool:
        """Send what is left, as far as there is room; whether that was all.

        OSError where nobody can read it any more.
        """
        while self._left:
            try:
                sent = self._socket.send(self._left, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return False
            del self._left[:sent]
        return True

    def close(self) -> None:
        self._socket.close()
