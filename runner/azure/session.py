"""The state that a command keeps of the platform that it is signed in to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, Self, TypeVar

from runner.azure.clouds import get_cloud
from runner.azure.credentials import Credential
from runner.azure.errors import ServiceError
from runner.azure.sdk_logs import tame_loggers
from runner.clouds import Cloud
from runner.errors import NotFound
from runner.nearest import nearest

Part = TypeVar("Part")


class Session:
    """A cloud and its credential, each found when it is first used, and names of endpoints.

    Whatever else a command learns of the workspace belongs to the module that learns it, and is
    kept here by `once`.
    """

    def __init__(self, cloud: str, subscription: str, endpoints: Mapping[str, str]) -> None:
        """Begin a session; `endpoints` are the stack's: logical name → name in the workspace."""
        self._cloud_name = cloud
        self._subscription = subscription
        self._endpoints = endpoints
        self._parts: dict[Callable[[Any], Any], Any] = {}
        tame_loggers()

    def once(self, make: Callable[[Self], Part]) -> Part:
        """Return what `make` makes of this session; it is called once, and its result kept."""
        if make not in self._parts:
            self._parts.setdefault(make, make(self))
        part: Part = self._parts[make]
        return part

    @cached_property
    def cloud(self) -> Cloud:
        return get_cloud(self._cloud_name)

    @cached_property
    def credential(self) -> Credential:
        return Credential(self.cloud, self._subscription)

    def missing(
        self, noun: str, name: str, names: Callable[[], Iterable[str]], first: str = ""
    ) -> NotFound:
        """Return the error for a name that the workspace lacks, with the nearest of those it has.

        `first` says how the workspace gets its first such thing, and is shown where it has none.
        Raises NotFound where the whole workspace is missing.
        """
        try:
            found = list(names())
            hint = nearest(name, found) if found or not first else f" yet; {first}"
        except ServiceError:
            hint = ""
        return NotFound(f"no {noun} {name!r}{hint}")

    def actual_name(self, endpoint: str) -> str:
        """Return an endpoint's name in the workspace; an unknown logical name stays as it is."""
        return self._endpoints.get(endpoint, endpoint)

    def logical_name(self, endpoint: str) -> str:
        """Return an endpoint's logical name; a name that has none stays as it is."""
        found = (logical for logical, actual in self._endpoints.items() if actual == endpoint)
        return next(found, endpoint)
