"""An online endpoint in a scratch project, and a server of it as a person runs it."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.inference_server import DECLARED, lend
from tests.local.serving.scripts import OBEDIENT
from tests.projects import ScratchProject


def add_online(
    project: ScratchProject, *names: str, variables: str = "{}", **settings: Any
) -> ScratchProject:
    """Add the endpoint `here` with deployments of these names (blue alone, unless others are
    named), each with a script that runs in the environment that the session's tests share. The
    first has the traffic."""
    names = names or ("blue",)
    lend(project.home)
    project.write("models/echo/online-endpoint.yml", endpoint_yaml(**{names[0]: 100}))
    for name in names:
        project.write(f"models/echo/{name}/score.py", OBEDIENT)
        project.write(
            f"models/echo/online-deployment-{name}.yml",
            f"name: {name}\nendpoint_name: here\nmodel: azureml:greeting@latest\n"
            "instance_type: Standard_DS3_v2\n"
            f"code_configuration: {{code: ./{name}, scoring_script: score.py}}\n{DECLARED}"
            f"environment_variables: {variables}\n"
            f"request_settings: {json.dumps({'request_timeout_ms': 60_000} | settings)}\n",
        )
    return replace(project, env_manager="auto")


def endpoint_yaml(**traffic: int) -> str:
    return (
        "$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json\n"
        f"name: here\ntraffic: {json.dumps(traffic)}\n"
    )


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.01)


class Server:
    """`runner serve` on a free port. A context manager that leaves none behind."""

    def __init__(self, project: ScratchProject, endpoint: str = "here", *words: str) -> None:
        self.project = project
        self.folder = project.home / "endpoints" / endpoint
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed at exit)
        self.process = subprocess.Popen(
            project.command("serve", endpoint, "--port", "0", *words),
            cwd=project.root,
            env=project.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self.process.stdout is not None
        self.uri = self.process.stdout.readline().strip()  # empty where it never gets ready

    def __enter__(self) -> Server:
        assert self.uri, self.log
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()
        self._log.close()

    @property
    def key(self) -> str:
        return (self.folder / "key").read_text().strip()

    @property
    def log(self) -> str:
        """Return the text that it wrote to stderr so far."""
        self._log.seek(0)
        return self._log.read()

    def connect(self) -> HTTPConnection:
        place = urlsplit(self.uri)
        assert place.hostname is not None
        return HTTPConnection(place.hostname, place.port, timeout=60)

    def ask(self, wish: Any, **headers: str) -> tuple[int, Any]:
        """Status and parsed body of one request that brings the key."""
        connection = self.connect()
        given = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST", "/score", json.dumps(wish), given)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, json.loads(body)

    def listens(self) -> bool:
        connection = self.connect()
        try:
            connection.connect()
        except OSError:
            return False
        finally:
            connection.close()
        return True


def request_file(folder: Path, wish: Any) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "request.json").write_text(json.dumps(wish))
    return str(folder / "request.json")
