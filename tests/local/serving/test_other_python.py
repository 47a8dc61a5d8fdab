"""Deployments whose model or script runs in another Python than the server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.errors import JobFailed
from runner.local.serving.deployment import Deployment
from tests.pythons import python_with

from .scripts import posted, script_plan

SCRIPT = """
import importlib.util, json, os, shutil, sys
def init(): pass
def run(raw_data):
    return {
        "version": list(sys.version_info[:2]),
        "there": [name for name in json.loads(raw_data) if importlib.util.find_spec(name)],
        "by_name": os.path.dirname(shutil.which("python3")) == os.path.dirname(sys.executable),
        "said": os.environ["SAID"],
    }
"""


def test_a_script_answers_in_the_oldest_python_and_under_an_old_server_apart_from_the_runners_own(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    python = python_with(tmp_path_factory, "3.9", "azureml-inference-server-http==0.8.4.2")
    plan = script_plan(tmp_path, SCRIPT, python=python, environment_variables={"SAID": "a word"})
    with Deployment(plan) as deployment:
        deployment.start()
        answer = deployment.score(posted(b'["json", "starlette", "tests", "pyarrow"]'))
    assert json.loads(answer.body) == {
        "version": [3, 9],
        "there": ["json"],
        "by_name": True,
        "said": "a word",
    }


def test_a_python_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    plan = script_plan(tmp_path, python="/no/bin/python")
    with pytest.raises(
        JobFailed,
        match=r"^deployment 'blue' did not start: /no/bin/python can't be started: No such file",
    ):
        Deployment(plan).start()
