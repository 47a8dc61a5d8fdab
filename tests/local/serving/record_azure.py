"""Record anew what Azure's own code answers for MLflow models without a script.

On Azure such a model runs under a script that the platform generates, within Microsoft's
inference server. The script is public and is no part of this project: in the repository
Azure/azureml-assets at commit 4c5352afb3230e1b2b947a6b73a0a31683666059 it is
assets/inference/environments/mlflow-py312-inference/context/mlflow_score_script.py.

Run this from the repository's root, in a virtual environment of its own with
azureml-inference-server-http, inference-schema[numpy-support,pandas-support],
azureml-ai-monitoring, mlflow, scikit-learn and pandas (of the versions that the tests run with):

    python -m tests.local.serving.record_azure path/to/mlflow_score_script.py [model ...]
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner.local.serving.request import Request

from .recorded_models import MODELS
from .recorded_requests import requests_of
from .recording import FOLDER, Recorded, kept_body, kept_headers, write

# Microsoft's server binds every interface unless this is changed.
_START = """
import azureml_inference_server_http.constants as constants
constants.DEFAULT_HOST = "127.0.0.1"
from azureml_inference_server_http.amlserver import run
run()
"""
_START_SECONDS = 120.0


def main(script: str, *chosen: str) -> None:
    for name in chosen or MODELS:
        with tempfile.TemporaryDirectory() as folder:
            MODELS[name](Path(folder) / "model")
            with _server(Path(script).resolve(), Path(folder)) as port:
                answers = {case: _ask(port, asked) for case, asked in requests_of(name)}
        write(FOLDER / f"{name}.json", answers)
        print(f"{name}: {len(answers)} answers")


@contextlib.contextmanager
def _server(script: Path, folder: Path) -> Iterator[int]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    variables = {"AZUREML_MODEL_DIR": str(folder), "MLFLOW_MODEL_FOLDER": "model"}
    variables |= {"AML_APP_ROOT": str(folder), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-c", _START, "--entry_script", str(script), "--port", str(port)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, env=variables, cwd=folder, stdout=log, stderr=log)
        try:
            _wait(server, port, folder / "log")
            yield port
        finally:
            server.terminate()
            server.wait()


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError):
            if _ask(port, Request("GET", "/")).status == 200:
                return
        time.sleep(0.2)
    raise SystemExit(f"Microsoft's server did not start:\n{log.read_text()[-5000:]}")


def _ask(port: int, asked: Request) -> Recorded:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.putrequest(asked.method, asked.target, skip_accept_encoding=True)
        for name, value in asked.headers:
            connection.putheader(name, value)
        if asked.body or asked.method == "POST":
            connection.putheader("content-length", str(len(asked.body)))
        connection.endheaders(asked.body)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    headers: Any = answer.getheaders()
    return Recorded(answer.status, kept_body(answer.status, body), kept_headers(headers))


if __name__ == "__main__":
    main(*sys.argv[1:])
