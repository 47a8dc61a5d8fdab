"""Serves a connection of HTTP within limits of time and size, as Azure's server does.

The limits of a request's head, and the statuses of what breaks them or can't be read, are those of
gunicorn, under which Azure's server runs scripts. Source: gunicorn 27, http/message.py.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_OTHER_FILES = (
    100  # files that a server may have open besides connections: processes, logs, libraries
)
_HEAD_SECONDS = 20.0  # for a request's head to arrive, and for a new connection to send one
_TAKING_SECONDS = 60.0  # for a client to take an answer
_LINGERING_SECONDS = 2.0  # for a client to read an answer, while what it still sends is dropped
_STOPPING_SECONDS = 1.0  # after a stop, for a request that was on its way to be answered
_LONGEST_LINE = 4094  # bytes of method, target and version
_MOST_HEADERS = 100
_LONGEST_HEADER = 8190  # bytes, with its name and the end of its line
_LONGEST_HEAD = _MOST_HEADERS * (_LONGEST_HEADER + 2) + _LONGEST_LINE


_SINGLE = (b"host", b"content-type")  # headers that can't be there twice
_CODINGS = frozenset({b"chunked", b"identity", b"compress", b"deflate", b"gzip"})


def most_connections() -> int:
    """Return the number of connections that leave the server the files that it opens besides."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return sys.maxsize
    return max(files - _OTHER_FILES, files // 2)


class _Refused(Exception):
    """The request's head is refused with a status of its own."""


class Connection(HttpToolsProtocol):
    """One client's connection, as uvicorn serves it, within limits of time and size."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._deadline: asyncio.TimerHandle | None = None  # for a head
        self._head = 0  # bytes of a head that is not complete
        self._in_head = True
        self._open_message = False  # whether more of a request is to come
        self._stopping = False
        self._answering = 0  # requests whose head was read and whose answer is not complete
        self._broken = False  # what comes can't be read any more
        self._refusal = HTTPStatus.BAD_REQUEST

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(_LingeringTransport(transport, self))  # type: ignore[arg-type]
        if len(self.connections) > most_connections():
            self._refuse(HTTPStatus.TOO_MANY_REQUESTS)
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._broken or self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        self._head += len(data)
        try:
            self.parser.feed_data(data)
            if self._in_head and self._head > _LONGEST_HEAD:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        except httptools.HttpParserUpgrade:
            if (
                self.cycle is not None
            ):  # no other protocol is spoken here: it is a request like any other
                self.cycle.keep_alive = False
        except httptools.HttpParserError:
            self._refuse(self._refusal)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._open_message = self._in_head = True

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        method = self.parser.get_method()
        if len(method) + len(self.url) + len(b"  HTTP/1.1") > _LONGEST_LINE:
            self._break_off(HTTPStatus.REQUEST_URI_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if name.lower() == b"expect" and value.lower() != b"100-continue":
            self._break_off(HTTPStatus.EXPECTATION_FAILED)
        long = len(name) + len(value) + len(b": \r\n") > _LONGEST_HEADER
        if long or len(self.headers) > _MOST_HEADERS:
            self._break_off(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_headers_complete(self) -> None:
        self._check_head()
        self._forget_deadline()
        self._in_head, self._head = False, 0
        self._answering += 1
        super().on_headers_complete()
        if self._stopping:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        self._open_message = False
        super().on_message_complete()
        self._in_head, self._head = True, 0

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._answering -= 1
        if self._answering:
            return
        if self._broken:
            self.transport.close()
        elif not self.transport.is_closing():
            self._await_head()

    def timeout_keep_alive_handler(self) -> None:
        # While the client still takes an answer, the connection is not idle.
        if self.transport.get_write_buffer_size():
            self.transport.close()
        else:
            super().timeout_keep_alive_handler()

    def shutdown(self) -> None:
        """End once what was begun is answered, also a request that is on its way."""
        self._stopping = True
        if self.cycle is not None and not self.cycle.response_complete:
            super().shutdown()
        else:
            self.loop.call_later(_STOPPING_SECONDS, self._end_idle)

    @property
    def sends_more(self) -> bool:
        """Return whether the client has begun a request and not sent all of it."""
        return self._open_message

    def _end_idle(self) -> None:
        if not self._open_message and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()

    def _await_head(self) -> None:
        self._forget_deadline()
        self._deadline = self.loop.call_later(_HEAD_SECONDS, self._give_up_head)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up_head(self) -> None:
        if self._open_message:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()

    def _check_head(self) -> None:
        """Refuse a head that the parser lets through and gunicorn does not."""
        if self.parser.get_http_version() not in ("1.0", "1.1"):
            self._break_off(HTTPStatus.BAD_REQUEST)
        names = [name for name, _ in self.headers]
        if any(names.count(name) > 1 for name in _SINGLE):
            self._break_off(HTTPStatus.BAD_REQUEST)
        for name, value in self.headers:
            if name == b"transfer-encoding" and not _CODINGS.issuperset(_codings(value)):
                self._break_off(HTTPStatus.NOT_IMPLEMENTED)

    def _break_off(self, status: HTTPStatus) -> None:
        """Raise out of the parser, which then reads no further."""
        self._refusal = status
        raise _Refused

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer what is no request and close. Where answers to requests before it are not there
        yet, these are given and nothing more is said."""
        self._forget_deadline()
        self._broken = True
        if self._open_message and not self._in_head:
            # A request whose body is broken gets no answer.
            self._answering -= 1
            if self.pipeline:
                self.pipeline.popleft()
            else:
                self.cycle.disconnected = True
                self.cycle.message_event.set()
        if self._answering:
            return
        body = json.dumps({"message": status.phrase}).encode()
        self.transport.write(
            b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%s" % (status, status.phrase.encode(), len(body), body)
        )
        self._open_message = True  # the client may still be sending
        self.transport.close()


def _codings(value: bytes) -> Iterator[bytes]:
    return (coding.strip(b" \t").lower() for coding in value.split(b","))


class _LingeringTransport:
    """A transport that closes when the client can have read the answer.

    Closed while the client still sends, the system would throw away the answer together with what
    was not read. And a client that does not take its answer does not hold it for ever.
    """

    def __init__(self, transport: asyncio.Transport, connection: Connection) -> None:
        self._transport = transport
        self._connection = connection
        self.lingering = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self.lingering or self._transport.is_closing()

    def close(self) -> None:
        if self.lingering or self._transport.is_closing():
            return
        loop = self._connection.loop
        if self._connection.sends_more:
            self.lingering = True
            self._transport.resume_reading()  # what comes is dropped
            self._transport.write_eof()
            loop.call_later(_LINGERING_SECONDS, self._transport.close)
        else:
            self._transport.close()
        if self._transport.get_write_buffer_size():
            loop.call_later(_TAKING_SECONDS, self._transport.abort)
