"""MLflow's own page, over a store that MLflow made."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest

from runner.errors import EnvironmentRefused, NotFound
from runner.local.tracking.store import open_store
from runner.local.tracking.ui import show_runs

ROOT = Path(__file__).resolve().parents[3]


def ask(address: str, method: str, path: str, body: str | None = None) -> bytes:
    connection = HTTPConnection(address.removeprefix("http://"), timeout=30)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read()
    finally:
        connection.close()


def test_a_workspace_without_runs_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no job of this workspace has been tracked yet"):
        show_runs(tmp_path, "127.0.0.1", 0, pytest.fail)


def test_the_page_has_the_runs_and_ends_with_the_command(tmp_path: Path) -> None:
    home = tmp_path / ".runner"
    client = open_store(home)
    experiment = client.create_experiment("patients")
    client.create_run(experiment, run_name="brave-lamb")
    (tmp_path / "Pulumi.yaml").touch()
    (tmp_path / "models").mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "runner", "ui", "--port", "0"],
        cwd=tmp_path,
        env={**os.environ, "RUNNER_HOME": str(home), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        try:
            assert b"<title>MLflow</title>" in ask(address, "GET", "/")
            body = json.dumps({"experiment_ids": [experiment]})
            (run,) = json.loads(ask(address, "POST", "/api/2.0/mlflow/runs/search", body))["runs"]
            assert run["info"]["run_name"] == "brave-lamb"
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    with pytest.raises(OSError, match="refused"):
        ask(address, "GET", "/")
    assert {path.name for path in tmp_path.iterdir()} == {".runner", "Pulumi.yaml", "models"}


def test_a_port_that_is_taken_is_named_with_a_way_out(tmp_path: Path) -> None:
    open_store(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EnvironmentRefused, match=f"port {port} .* --port 0 for any"):
            show_runs(tmp_path, "127.0.0.1", port, pytest.fail)
