"""Requests to serving endpoints, which MLflow's own scoring server answers.

A served model is loaded when it is first asked and kept from then on.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import Any

from tests.emulator.databricks.model_versions import find_version, version_files
from tests.emulator.databricks.processes import Server, start_server
from tests.emulator.databricks.refusals import Refused, missing
from tests.emulator.databricks.service import Ask, Endpoint
from tests.emulator.databricks.serving import require_endpoint
from tests.emulator.databricks.store import Document
from tests.emulator.messages import Response

_GONE = (
    "The given endpoint does not exist, please retry after checking the specified model and version"
    " deployment exists."
)
_Key = tuple[str, str, str]  # workspace, model, version


@dataclass
class Invocations:
    """The scoring servers of all workspaces, and what answers for them."""

    _servers: dict[_Key, Server] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _chances: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the endpoints for invocations."""
        path = "/serving-endpoints/{name}"
        logs = "/api/2.0/serving-endpoints/{name}/served-models/{served}"
        return (
            Endpoint("POST", path + "/invocations", self.invoke, serial=False),
            Endpoint(
                "POST", path + "/served-models/{served}/invocations", self.invoke, serial=False
            ),
            Endpoint("GET", logs + "/logs", self.logs),
            Endpoint("GET", logs + "/build-logs", self.build_logs),
        )

    def invoke(self, ask: Ask) -> Response:
        """Let a served model answer: the one that is named, or one chosen by the traffic."""
        entity = self._choose(ask, ask.arguments.get("served"))
        server = self._started(ask, entity)
        kind = ask.request.headers.get("content-type", "application/json")
        answered = server.ask("POST", "/invocations", ask.request.body, {"Content-Type": kind})
        headers = {**answered.headers, "served-model-name": entity["name"]}
        return Response(answered.status, answered.body, headers)

    def logs(self, ask: Ask) -> dict[str, Any]:
        """Give what a served model's process printed."""
        entity = self._choose(ask, ask.arguments["served"])
        log = _folder(ask, entity) / "server.log"
        return {"logs": log.read_text(errors="replace") if log.exists() else ""}

    def build_logs(self, ask: Ask) -> dict[str, Any]:
        """Say that nothing was built: models run in this machine's Python."""
        self._choose(ask, ask.arguments["served"])
        return {"logs": "The stand-in builds no images."}

    def close(self, workspace: str) -> None:
        """End the servers of a workspace."""
        with self._lock:
            for key in [key for key in self._servers if key[0] == workspace]:
                self._servers.pop(key).stop()

    def stop(self) -> None:
        """End all servers."""
        with self._lock:
            for server in self._servers.values():
                server.stop()
            self._servers.clear()

    def _choose(self, ask: Ask, served: str | None) -> Document:
        with ask.store.state.transaction():
            config = require_endpoint(ask, ask.arguments["name"]).get("config")
        if config is None:
            raise missing(_GONE)
        if served is None:
            routes = config["traffic_config"]["routes"]
            shares = [route["traffic_percentage"] for route in routes]
            with self._lock:
                (chosen,) = self._chances.choices(routes, shares)
            served = chosen["served_model_name"]
        entities: list[Document] = config["served_entities"]
        found = [entity for entity in entities if entity["name"] == served]
        if not found:
            raise missing(_GONE)
        return found[0]

    def _started(self, ask: Ask, entity: Document) -> Server:
        key = ask.store.workspace, entity["entity_name"], entity["entity_version"]
        version = find_version(ask.store, *key[1:])
        if version is None:
            raise missing(_GONE)
        with self._lock:
            server = self._servers.get(key)
            if server is None or server.process.poll() is not None:
                server = _start(ask, entity, version)
                self._servers[key] = server
            return server


def _start(ask: Ask, entity: Document, version: Document) -> Server:
    model = str(version_files(ask, version))
    try:
        return start_server(
            "scoring_process.py", (model,), _folder(ask, entity), entity.get("environment_vars", {})
        )
    except RuntimeError as error:
        raise Refused(500, "INTERNAL_ERROR", f"The model server failed: {error}") from None


def _folder(ask: Ask, entity: Document) -> Any:
    files = ask.databricks.files(ask.store.workspace)
    return files / "serving" / entity["entity_name"] / entity["entity_version"]
