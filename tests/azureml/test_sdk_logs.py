from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.azureml.storm import LOGGED, Scene, find_leaks, make_scene
from tests.azureml.storm_trial import set_environment
from tests.emulator import Emulator
from tests.emulator.faults import Drop, storage_busy
from tests.projects import ROOT

PIPELINE = """
type: pipeline
settings: {default_compute: azureml:cpu-cluster}
jobs:
  fit:
    type: command
    code: ./source
    command: cat small.csv
    environment: {image: an/image}
"""
MORE_THAN_A_BLOCK = b"x\n" * (3 << 20)


@pytest.fixture
def scene(
    scoring_cloud: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scene]:
    set_environment(monkeypatch, scoring_cloud, tmp_path)
    scene = make_scene(scoring_cloud, tmp_path)
    with scene.going():
        yield scene
    scoring_cloud.faults.clear()


def logged(scene: Scene, *words: str) -> str:
    """Return the output and the log of a command."""
    ended = subprocess.run(
        [sys.executable, *LOGGED, *words, "-e", "dev", "--outputs", scene.outputs],
        cwd=scene.root,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    return ended.stdout + ended.stderr


def test_a_log_of_everything_holds_no_secret(scene: Scene) -> None:
    source = scene.root / "source"
    source.mkdir()
    (source / "small.csv").write_text("x\n")
    (source / "big.csv").write_bytes(MORE_THAN_A_BLOCK)
    # The runner waits a second or more before it tries the storage again.
    scene.emulator.faults.inject(storage_busy(), method="PUT", host="*.blob.*")
    scene.emulator.faults.inject(Drop("middle"), method="GET", host="*.blob.*")
    data, copy, results = str(source), str(scene.root / "copy"), str(scene.root / "results")
    register = ("models", "register", "--name", "m", "--type", "custom_model", "--path", data)
    score = ("score", "busy", "-d", "instant", "--data", data, "--download", results)
    download = ("models", "download", "m:1", "-p", copy)
    (scene.root / "job.yml").write_text(PIPELINE)
    train = ("train", "--file", str(scene.root / "job.yml"), "--no-wait")
    commands = (register, score, download, train, ("env", "doctor"))
    said = "".join(logged(scene, *command) for command in commands)
    assert len(scene.emulator.faults.injected) == 2
    # It is a log of everything, and signatures were about.
    assert "DEBUG:urllib3.connectionpool:https://" in said
    assert "sig=***" in said
    assert "DEBUG:msal." in said
    assert ":azure.ai.ml" in said
    # So azure-core masks what signs an address.
    assert not find_leaks(said.replace("sig=REDACTED", ""), scene.secrets)
