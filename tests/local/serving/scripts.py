"""Scoring scripts to deploy in tests; they need no package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runner.local.serving.plan import DeploymentPlan
from runner.local.serving.request import Request
from tests.inference_server import server_python

# Does what the request asks for, so that one script serves every test.
OBEDIENT = """
import json, os, subprocess, sys, time
from azureml.contrib.services.aml_response import AMLResponse

def init():
    print("init was called", flush=True)

def run(raw_data):
    wish = json.loads(raw_data)
    if "start" in wish:
        command = [sys.executable, "-c", "import time; time.sleep(300)"]
        process = subprocess.Popen(command)
        with open(wish["start"], "w") as file:
            file.write(str(process.pid))
    if "write" in wish:
        # All that it has but what it prints to; the server beside it decides on their numbers.
        for descriptor in set(map(int, os.listdir("/dev/fd"))) - {0, 1, 2}:
            try:
                os.write(descriptor, bytes(wish["write"]))
            except OSError:
                pass
    if "fork" in wish and os.fork():
        time.sleep(0.05)  # so that the copy is the first to be done
    if "began" in wish:
        open(wish["began"], "w").close()
    while "until" in wish and not os.path.exists(wish["until"]):
        time.sleep(0.005)
    if "respond" in wish:
        return AMLResponse(*wish["respond"])
    if "print" in wish:
        print(wish["print"])
    if "raise" in wish:
        raise ValueError(wish["raise"])
    if "exit" in wish:
        raise SystemExit(wish["exit"])
    if "die" in wish:
        os._exit(wish["die"])
    return {"process": os.getpid(), "said": wish.get("say")}
"""


def script_plan(folder: Path, text: str = OBEDIENT, **more: Any) -> DeploymentPlan:
    """Return the plan of a deployment whose script is `text`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "score.py").write_text(text)
    settings: dict[str, Any] = {"name": "blue", "request_timeout": 30.0, "queue_wait": 30.0}
    settings |= {"python": server_python()} | more
    return DeploymentPlan(code=str(folder), script="score.py", **settings)


def posted(body: bytes, content_type: str = "application/json") -> Request:
    """Return the request that posts a body to be scored."""
    return Request(headers=(("content-type", content_type),), body=body)
