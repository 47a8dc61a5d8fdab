"""What a command knows of the platform it is signed in to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, Self, TypeVar

from runner.azure.clouds import find_cloud
from runner.azure.credentials import Credential
from runner.azure.errors import ServiceError
from runner.azure.sdk_logs import tame_loggers
from runner.clouds import Cloud
from runner.errors import NotFound
from runner.nearest import nearest

Part = TypeVar("Part")


class Session:
    """A cloud and its credential, each found when it is first used, and names of endpoints.

    What one command learns of the workspace besides belongs to the module that learns it and is
    kept here, by `once`.
    """

    def __init__(self, cloud: str, subscription: str, endpoints: Mapping[str, str]) -> None:
        """`endpoints` are those that the stack deployed: logical name → name in the workspace."""
        self._cloud_name = cloud
        self._subscription = subscription
        self._endpoints = endpoints
        self._parts: dict[Callable[[Any], Any], Any] = {}
        tame_loggers()

    def once(self, make: Callable[[Self], Part]) -> Part:
        """What `make` makes of this session: made on the first call, then always the same."""
        if make not in self._parts:
            self._parts.setdefault(make, make(self))
        part: Part = self._parts[make]
        return part

    @cached_property
    def cloud(self) -> Cloud:
        return find_cloud(self._cloud_name)

    @cached_property
    def credential(self) -> Credential:
        return Credential(self.cloud, self._subscription)

    def missing(
        self, noun: str, name: str, names: Callable[[], Iterable[str]], first: str = ""
    ) -> NotFound:
        """The error for a name that the workspace lacks, with the nearest of those it has.

        `first` says how it gets its first, for where it has none. Raises NotFound itself where it
        is the whole workspace that is missing.
        """
        try:
            found = list(names())
            hint = nearest(name, found) if found or not first else f" yet; {first}"
        except ServiceError:
            hint = ""
        return NotFound(f"no {noun} {name!r}{hint}")

    def actual_name(self, endpoint: str) -> str:
        """An endpoint's name in the workspace, of its logical name; others stay as they are."""
        return self._endpoints.get(endpoint, endpoint)

    def logical_name(self, endpoint: str) -> str:
        """An endpoint's logical name, of its name in the workspace; one without stays as it is."""
        for logical, actual in self._endpoints.items():
            if actual == endpoint:
                return logical
        return endpoint
