"""MLflow tracking: experiments, runs, metrics and logged models, kept by MLflow's own server.

One server stands behind all workspaces, started by the first request. Experiments of different
workspaces are kept apart by their names there, which begin with the workspace's number.
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from tests.emulator.databricks.folders import has_folder
from tests.emulator.databricks.processes import Server, start_server
from tests.emulator.databricks.refusals import invalid, missing
from tests.emulator.databricks.service import Ask, Databricks, Endpoint
from tests.emulator.messages import Response, answer

ARTIFACTS = "WorkspaceInternal/Mlflow/Artifacts"  # the Files API's place of them
_ROOT = "dbfs:/databricks/mlflow-tracking"
_PROXIED = ("content-type", "user-agent", "accept")
_NAMED = re.compile(r"(?i)(\bname\s*(?:=|!=|LIKE|ILIKE)\s*['\"])(/)")
# MLflow's own server keeps logged models where Databricks keeps runs.
_LOGGED_MODEL = re.compile(rb"(/mlflow-tracking/\d+/)models/(m-)")
_ARTIFACT_URI = re.compile(re.escape(_ROOT) + r"/([^/]+)/([^/]+)/(.*)")


@dataclass
class Tracking:
    """The server, and what answers for it."""

    databricks: Databricks
    _server: Server | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the endpoints of tracking; the registry's have to come first."""
        path = "/api/2.0/mlflow/"
        return (
            Endpoint("POST", path + "experiments/create", self.create_experiment, serial=False),
            Endpoint("GET", path + "experiments/get-by-name", self.get_by_name, serial=False),
            Endpoint("POST", path + "experiments/update", self.rename, serial=False),
            Endpoint("*", path + "experiments/search", self.search, serial=False),
            Endpoint("GET", path + "artifacts/list", self.list_artifacts, serial=False),
            Endpoint("*", path + "{rest*}", self.carry, serial=False),
            Endpoint("*", "/api/3.0/mlflow/{rest*}", self.carry, serial=False),
        )

    def create_experiment(self, ask: Ask) -> Response:
        """Create an experiment, whose name is a path in the workspace."""
        name = str(ask.required("name"))
        _check_name(ask, name)
        return self._carry(ask, body=ask.body | {"name": _inner(ask, name)})

    def get_by_name(self, ask: Ask) -> Response:
        """Find an experiment by its name."""
        name = ask.asked("experiment_name")
        found = self._carry(ask, query={"experiment_name": _inner(ask, name)})
        if found.status == 404:
            raise missing(f"Node {name} does not exist.")
        return found

    def rename(self, ask: Ask) -> Response:
        """Rename an experiment."""
        name = str(ask.required("new_name"))
        _check_name(ask, name)
        return self._carry(ask, body=ask.body | {"new_name": _inner(ask, name)})

    def search(self, ask: Ask) -> Response:
        """Search the workspace's experiments."""
        asked = dict(ask.query) if ask.request.method == "GET" else ask.body
        own = f"name LIKE '{_inner(ask, '/')}%'"
        wanted = _NAMED.sub(rf"\g<1>{_inner(ask, '/')}", str(asked.get("filter") or ""))
        asked["filter"] = f"{own} AND {wanted}" if wanted else own
        if ask.request.method == "GET":
            return self._carry(ask, query=asked)
        return self._carry(ask, body=asked)

    def list_artifacts(self, ask: Ask) -> Response:
        """List a folder of a run's artifacts."""
        run = self._started().ask(
            "GET", f"/api/2.0/mlflow/runs/get?run_id={quote(ask.asked('run_id'))}"
        )
        if run.status != 200:
            return run
        found = _ARTIFACT_URI.fullmatch(run.json()["run"]["info"]["artifact_uri"])
        if found is None:
            raise invalid("The run's artifacts lie elsewhere.")
        base = self.databricks.files(ask.store.workspace) / ARTIFACTS
        root = base.joinpath(found[1], "Runs", found[2], found[3])
        path = ask.query.get("path", "").strip("/")
        folder = root / path
        if ".." in Path(path).parts:
            raise invalid(f"Invalid path: {path}")
        children = sorted(folder.iterdir()) if folder.is_dir() else []
        files: list[dict[str, Any]] = [
            {
                "path": str(child.relative_to(root)),
                "is_dir": child.is_dir(),
                **({} if child.is_dir() else {"file_size": child.stat().st_size}),
            }
            for child in children
        ]
        root_uri = run.json()["run"]["info"]["artifact_uri"]
        return answer(200, {"root_uri": root_uri, **({"files": files} if files else {})})

    def carry(self, ask: Ask) -> Response:
        """Let MLflow's server answer."""
        return self._carry(ask)

    def stop(self) -> None:
        """End the server; what it keeps stays."""
        with self._lock:
            if self._server is not None:
                self._server.stop()
                self._server = None

    def _carry(
        self, ask: Ask, query: dict[str, Any] | None = None, body: dict[str, Any] | None = None
    ) -> Response:
        asked = ask.request
        target = quote(asked.path)
        if sent := dict(asked.query) if query is None else query:
            target += f"?{urlencode(sent)}"
        content = asked.body if body is None else json.dumps(body).encode()
        headers = {name: asked.headers[name] for name in _PROXIED if name in asked.headers}
        answered = self._started().ask(asked.method, target, content, headers)
        told = _LOGGED_MODEL.sub(rb"\1logged_models/\2", answered.body)
        told = told.replace(_inner(ask, "/").encode(), b"/")
        headers = {**answered.headers, "x-databricks-org-id": ask.store.workspace}
        return Response(answered.status, told, headers)

    def _started(self) -> Server:
        """Give the server, which is started when it does not run."""
        with self._lock:
            if self._server is None:
                folder = self.databricks.folder / "mlflow"
                database = f"sqlite:///{folder / 'mlflow.sqlite'}"
                variables = {
                    "_MLFLOW_SERVER_FILE_STORE": database,
                    "_MLFLOW_SERVER_REGISTRY_STORE": database,
                    "_MLFLOW_SERVER_ARTIFACT_ROOT": _ROOT,
                }
                self._server = start_server("mlflow_server.py", (), folder, variables)
            return self._server


def _check_name(ask: Ask, name: str) -> None:
    if not name.startswith("/"):
        raise invalid(
            f"Got an invalid experiment name '{name}'. An experiment name must be an absolute path"
            " within the Databricks workspace. E.g., '/Users/<some-username>/my-experiment'."
        )
    parent = name.rstrip("/").rpartition("/")[0] or "/"
    if not has_folder(ask.store, parent):
        raise missing(f"Parent directory {parent} does not exist.")


def _inner(ask: Ask, name: str) -> str:
    """Return an experiment's name as the server has it."""
    return f"/{ask.store.workspace}{name}"
