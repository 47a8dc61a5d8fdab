"""Shares the slots of a deployment, and its processes, among requests."""

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
    """Items that are taken and given back, in any thread. The item that was given back last goes
    first, and to those who wait in the order in which they came."""

    def __init__(self, items: Iterable[T] = ()) -> None:
        self._lock = threading.Lock()
        self._items = list(items)
        self._waiting: deque[tuple[AbstractEventLoop, Future[T]]] = deque()

    def give(self, item: T) -> None:
        """Add an item, or give back an item that was taken."""
        with self._lock:
            if not self._waiting:
                self._items.append(item)
                return
            loop, waiter = self._waiting.popleft()
            # Its loop still runs: to leave the queue it needs the lock.
            hand = loop.call_soon if loop is _running_loop() else loop.call_soon_threadsafe
            hand(self._hand, waiter, item)

    async def take(self, seconds: float) -> T:
        """Take an item, waiting for one if need be. TimeoutError where there is none in time."""
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._items:
                return self._items.pop()
            waiter: Future[T] = loop.create_future()
            self._waiting.append((loop, waiter))
        timer = loop.call_later(seconds, _expire, waiter)
        try:
            return await waiter
        except BaseException:
            with self._lock, suppress(ValueError):
                self._waiting.remove((loop, waiter))
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.give(waiter.result())  # it came too late
            raise
        finally:
            timer.cancel()

    def _hand(self, waiter: Future[T], item: T) -> None:
        if waiter.done():  # it has given up meanwhile
            self.give(item)
        else:
            waiter.set_result(item)


def _expire(waiter: Future[T]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())


def _running_loop() -> AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
