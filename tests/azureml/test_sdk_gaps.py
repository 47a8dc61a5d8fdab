"""Keys of a job that azure-ai-ml would leave out are sent all the same, or refused by name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.azureml.stage import Stage
from tests.azureml.test_job_kinds import AUTOML, ENVIRONMENT, PIPELINE, SPARK, SWEEP, Kinds

HEAD = """
display_name: the name shown
experiment_name: an experiment
description: a description
tags: {owner: the owner}
identity: {type: managed, client_id: 11111111-2222-3333-4444-555555555555}
outputs:
  best: {type: mlflow_model, path: "azureml://datastores/workspaceblobstore/paths/best"}
"""
PROPERTIES = "properties: {ticket: a ticket}\n"
QUEUE = "queue_settings: {job_tier: premium}\n"
RESOURCES = "resources: {instance_count: 41, instance_type: Standard_X, shm_size: 42g}\n"
SERVICES = "services: {ui: {type: jupyter_lab}}\n"
COMMAND = f"type: command\ncommand: a command\ncompute: azureml:cpu-cluster\n{ENVIRONMENT}\n"
JOBS = {
    "command": COMMAND + HEAD + PROPERTIES + QUEUE + RESOURCES,
    "sweep": SWEEP + HEAD + PROPERTIES + QUEUE,
    "spark": SPARK.replace("identity: {type: user_identity}\n", "")
    + HEAD.replace('paths/best"', 'paths/best", mode: direct'),
    "automl": AUTOML + HEAD + PROPERTIES + QUEUE + RESOURCES,
    "pipeline": PIPELINE + HEAD.partition("outputs")[0] + PROPERTIES,
}
# Written otherwise than declared.
OTHERWISE = (
    *("type", "code", "environment", "compute", "default_compute", "component", "path", "image"),
    *("conda_file", "timeout", "timeout_minutes"),
)


@pytest.fixture
def kinds(stored: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kinds]:
    monkeypatch.setattr(stored.emulator.cloud, "jobs", None)  # nothing is run
    yield Kinds(stored, tmp_path)
    stored.emulator.operations.reset()


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield each value of a job with its key, in a form that is the same in every spelling."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, key)
    else:
        yield key, plain(value)


def plain(value: Any) -> str:
    return re.sub(r"[_\W]", "", str(value)).lower()


@pytest.mark.parametrize("kind", JOBS)
def test_every_key_of_a_job_arrives(kinds: Kinds, kind: str) -> None:
    declared: dict[str, Any] = yaml.safe_load(JOBS[kind])
    sent = kinds.sent(JOBS[kind])
    steps = sent.get("jobs") or {}
    specs = [kinds.get(*step["componentId"].strip("/").split("/")) for step in steps.values()]
    arrived = plain(json.dumps([sent, *specs]))
    lost = {key for key, value in leaves(declared) if key not in OTHERWISE and value not in arrived}
    assert not lost


def test_automl_has_its_model_and_its_machines_as_declared(kinds: Kinds) -> None:
    sent = kinds.sent(JOBS["automl"])
    assert sent["outputs"]["best"]["jobOutputType"] == "mlflow_model"
    assert sent["queueSettings"] == {"jobTier": "Premium"}
    assert sent["resources"]["instanceType"] == "Standard_X"


def test_the_machines_of_a_sweep_arrive(kinds: Kinds) -> None:
    sent = kinds.sent(SWEEP.replace("trial:", "trial:\n  resources: {instance_count: 2}"))
    assert sent["resources"]["instanceCount"] == sent["trial"]["resources"]["instanceCount"] == 2


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (SWEEP + SERVICES, "services"),
        (SWEEP.replace("trial:", f"trial:\n  {QUEUE}"), "trial.queue_settings"),
        (SPARK + PROPERTIES, "properties"),
        (SPARK + SERVICES, "services"),
        (AUTOML + SERVICES, "services"),
        (AUTOML + "resources: {properties: {a: {b: c}}}\n", "resources.properties"),
        (
            COMMAND + "resources: {docker_args: [--ipc=host], max_instance_count: 4}\n",
            "resources.max_instance_count",
        ),
        (PIPELINE.replace("  fit:", "  fit:\n    experiment_name: e"), "jobs.fit.experiment_name"),
        (PIPELINE.replace("  score:", "  score:\n    tags: {a: b}"), "jobs.score.tags"),
    ],
    ids=range(9),
)
def test_a_key_that_would_get_lost_is_refused_with_its_line(
    kinds: Kinds, text: str, key: str
) -> None:
    assert re.search(rf"job\.yml:\d+: {re.escape(key)}: azure-ai-ml reads it", kinds.refused(text))
