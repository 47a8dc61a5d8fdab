"""Makes many calls at once, of which the first that fails ends the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, TypeVar

Result = TypeVar("Result")


@contextmanager
def all_or_first_error(
    pool: ThreadPoolExecutor, _of: type[Result]
) -> Iterator[Callable[..., Future[Result]]]:
    """Wait for all that was begun inside; what is left is dropped once a call fails.

    `_of` is the type of what the calls return.
    """
    begun: list[Future[Result]] = []

    def begin(function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        begun.append(pool.submit(function, *arguments))
        return begun[-1]

    try:
        yield begin
        for future in wait(begun, return_when=FIRST_EXCEPTION).done:
            future.result()
    except BaseException:
        for future in begun:
            future.cancel()
        raise
