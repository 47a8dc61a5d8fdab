"""The parts of the stand-in for Databricks, what they share, and how a request comes to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.emulator import addresses
from tests.emulator.cloud import Cloud
from tests.emulator.databricks.arm import find_workspace
from tests.emulator.databricks.refusals import Refused, invalid
from tests.emulator.databricks.sign_in import RunTokens, User, sign_in
from tests.emulator.databricks.store import Store
from tests.emulator.messages import Refusal, Request, Response, answer
from tests.emulator.routes import Call, Route, route
from tests.emulator.state import Resource


@dataclass
class Switches:
    """What goes wrong, or slowly, because a test wants it so."""

    quota_exceeded: bool = False  # no cluster starts from now on
    seconds_to_start: float = 0.1  # of a cluster, and of a serving endpoint
    never_ready: bool = False  # serving endpoints made or changed from now on stay as they begin
    deployment_error: str = ""  # why served models that are deployed from now on fail to be
    page_size: int | None = None  # of every list; as the service has it otherwise


@dataclass
class Databricks:
    """All workspaces of a cloud. Their files lie in a folder."""

    cloud: Cloud
    folder: Path
    environment: Mapping[str, str]  # by which processes reach the cloud
    switches: Switches = field(default_factory=Switches)
    run_tokens: RunTokens = field(default_factory=RunTokens)
    closers: list[Callable[[str], None]] = field(default_factory=list)  # by workspace

    def close(self, workspace: str) -> None:
        """End whatever runs in a workspace."""
        for closer in self.closers:
            closer(workspace)

    def store(self, workspace: str) -> Store:
        """Give the documents of a workspace, by its number."""
        return Store(self.cloud.state, workspace)

    def files(self, workspace: str) -> Path:
        """Give the folder of a workspace that holds `Volumes`, `Models` and all other files."""
        return self.folder / workspace


@dataclass(frozen=True)
class Ask:
    """A request to a workspace, and who sent it."""

    databricks: Databricks
    resource: Resource  # the workspace in Resource Manager
    store: Store
    user: User
    request: Request
    arguments: Mapping[str, str]

    @property
    def query(self) -> Mapping[str, str]:
        """Return the parameters of the query."""
        return self.request.query

    @property
    def body(self) -> dict[str, Any]:
        """Return the body, an object of JSON. Raises `Refusal`."""
        try:
            body = self.request.json()
        except Refusal as refusal:
            raise Refused(400, "MALFORMED_REQUEST", str(refusal.error["message"])) from None
        if body is None:
            return {}
        if not isinstance(body, dict):
            raise Refused(400, "MALFORMED_REQUEST", "The request's body must be a JSON object.")
        return body

    def required(self, name: str) -> Any:
        """Give a field of the body that must be there. Raises `Refusal`."""
        return required(self.body, name)

    def asked(self, name: str) -> str:
        """Give a part of the query that must be there. Raises `Refusal`."""
        return str(required(self.query, name))


Answerer = Callable[[Ask], Response | dict[str, Any]]


@dataclass(frozen=True)
class Endpoint:
    """A method and a path, and what answers them; one that isn't `serial` takes its time."""

    method: str
    path: str
    answerer: Answerer
    serial: bool = True

    def route(self, databricks: Databricks) -> Route:
        """Give it as the emulator's network takes it."""

        def handle(cloud: Cloud, call: Call) -> Response:
            # The caller joins the workspace even by a request that is refused in the end.
            ask = _ask(databricks, call)
            with cloud.state.transaction() if self.serial else nullcontext():
                answered = self.answerer(ask)
            return answered if isinstance(answered, Response) else answer(200, answered)

        return route(self.method, addresses.DATABRICKS_HOST, self.path, handle, serial=False)


def _ask(databricks: Databricks, call: Call) -> Ask:
    number = call.arguments["workspace"]
    cloud = databricks.cloud
    resource = find_workspace(cloud, number)
    if resource is None:
        raise Refused(404, "NOT_FOUND", f"There is no workspace at {call.request.host}.")
    store = databricks.store(number)
    user = sign_in(cloud, store, resource, databricks.run_tokens, call.request)
    return Ask(databricks, resource, store, user, call.request, call.arguments)


def required(given: Mapping[str, Any], name: str) -> Any:
    """Give what must be there. Raises `Refusal`."""
    value = given.get(name)
    if value is None or value == "":
        raise invalid(f"Missing required field: {name}")
    return value


def paged(
    ask: Ask, name: str, found: Sequence[Any], size: int = 100, asked: str = "max_results"
) -> dict[str, Any]:
    """Give one page of a list, and the token of the next."""
    query = ask.query
    if (limit := query.get(asked)) and int(limit) > 0:
        size = min(size, int(limit))
    size = ask.databricks.switches.page_size or size
    token = query.get("page_token") or "0"
    if not token.isdigit():
        raise invalid(f"Invalid page token: {token}")
    first = int(token)
    page: dict[str, Any] = {name: list(found[first : first + size])}
    if first + size < len(found):
        page["next_page_token"] = str(first + size)
    return page


def read_json(text: str, what: str) -> Any:
    """Read JSON that stands in a field. Raises `Refusal`."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise invalid(f"Invalid {what}: {error}") from None
