"""What requests share: the slots of a deployment, and its processes."""

from __future__ import annotations

import asyncio
import threading
from asyncio import AbstractEventLoop, Future
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


class Pool(Generic[T]):
    """Things that are taken and given back, in any thread. What was given back last goes first,
    and to those who wait in the order in which they came."""

    def __init__(self, things: Iterable[T] = ()) -> None:
        self._lock = threading.Lock()
        self._things = list(things)
        self._waiting: deque[tuple[AbstractEventLoop, Future[T]]] = deque()

    def give(self, thing: T) -> None:
        """Add a thing, or give back one that was taken."""
        with self._lock:
            if not self._waiting:
                self._things.append(thing)
                return
            loop, waiter = self._waiting.popleft()
            # Its loop runs on until it has left the queue, for which it needs the lock.
            hand = loop.call_soon if loop is _running_loop() else loop.call_soon_threadsafe
            hand(self._hand, waiter, thing)

    async def take(self, seconds: float) -> T:
        """Take a thing, waiting for one if need be. TimeoutError where there is none in time."""
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._things:
                return self._things.pop()
            waiter: Future[T] = loop.create_future()
            self._waiting.append((loop, waiter))
        timer = loop.call_later(seconds, _expire, waiter)
        try:
            return await waiter
        except BaseException:
            with self._lock, suppress(ValueError):
                self._waiting.remove((loop, waiter))
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.give(waiter.result())  # it came when nobody was to take it any more
            raise
        finally:
            timer.cancel()

    def _hand(self, waiter: Future[T], thing: T) -> None:
        if waiter.done():  # it has given up meanwhile
            self.give(thing)
        else:
            waiter.set_result(thing)


def _expire(waiter: Future[T]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())


def _running_loop() -> AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
