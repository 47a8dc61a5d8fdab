"""MLflow's server over a workspace's store, for who has the job's token and as long as its host."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from runner.jobs.folder import job_folder
from runner.local.tracking.lifecycle import begin_run, end_run
from runner.local.tracking.plan import RunPlan
from runner.local.tracking.server import past_proxies
from runner.local.tracking.store import artifact_root
from runner.venvs.uv import find_uv
from tests.projects import ROOT

# Serves a store until it is told to end, as the host of a job does.
HOST = """
import json, sys
from pathlib import Path
from runner.local.tracking.server import tracking_server
with tracking_server(Path(sys.argv[1])) as variables:
    print(json.dumps(variables), flush=True)
    sys.stdin.read()
"""
SCRIPT = """
import mlflow
mlflow.log_metric("loss", 0.5)
mlflow.log_text("hello", "notes/hello.txt")
mlflow.end_run()
mlflow.set_experiment("its own")
with mlflow.start_run():
    mlflow.log_text("beside", "beside.txt")
"""


# A proxy that answers nobody.
NO_WAY = {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}


@dataclass(frozen=True)
class Served:
    home: Path
    run: Mapping[str, str]  # the variables of the job's run
    host: subprocess.Popen[bytes]
    address: Mapping[str, str]

    def ask(self, token: str) -> int:
        """Return the status of an answer."""
        connection = HTTPConnection(urlsplit(self.address["MLFLOW_TRACKING_URI"]).netloc)
        path = "/api/2.0/mlflow/experiments/search?max_results=1"
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        return connection.getresponse().status

    def answers(self) -> bool:
        try:
            return bool(self.ask("local"))
        except OSError:
            return False


@pytest.fixture(scope="module")
def skinny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a Python with an older MLflow that knows no SQL."""
    folder = tmp_path_factory.mktemp("skinny") / "venv"
    python = str(folder / "bin" / "python")
    for words in (
        ["venv", "--python", sys.executable, str(folder)],
        ["pip", "install", "--python", python, "mlflow-skinny==3.15.0"],
    ):
        subprocess.run([*find_uv(), *words, "--quiet"], check=True)
    return python


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:

    home = tmp_path_factory.mktemp("served")
    job_folder(home, "job-1").mkdir(parents=True)
    run = begin_run(home, "job-1", RunPlan("first", "job-1"))
    with subprocess.Popen(
        [sys.executable, "-c", HOST, str(home)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as host:
        assert host.stdout is not None
        yield Served(home, run, host, json.loads(host.stdout.readline()))
        host.kill()


def test_a_job_tracks_over_it_into_the_store_and_who_lacks_its_token_is_refused(
    served: Served, skinny: str
) -> None:
    assert urlsplit(served.address["MLFLOW_TRACKING_URI"]).hostname == "127.0.0.1"
    subprocess.run(
        [skinny, "-c", SCRIPT],
        env=past_proxies({**os.environ, **NO_WAY, **served.run, **served.address}),
        check=True,
    )
    assert served.ask(served.address["MLFLOW_TRACKING_TOKEN"]) == 200
    assert served.ask("local") == 401
    tracked = end_run(served.home, "job-1", "FINISHED", {})
    assert tracked is not None
    assert tracked.metrics["loss"].value == 0.5
    assert tracked.artifacts == ("notes/hello.txt",)
    assert len(tracked.children) == 1  # what the script began besides is the job's as well
    assert [path.read_text() for path in artifact_root(served.home).rglob("beside.txt")] == [
        "beside"
    ]


def test_it_ends_with_its_host_however_that_ends(served: Served) -> None:
    served.host.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while served.answers():
        assert time.monotonic() < deadline, "it goes on"
        time.sleep(0.05)
