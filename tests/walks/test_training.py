"""The document about training is true: it is followed here, command by command."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.projects import ROOT
from tests.walks.document import Reader, read_sections
from tests.walks.shell import Shell

SECTIONS = read_sections(ROOT / "docs" / "training.md")


@pytest.fixture
def trainer(tmp_path: Path) -> Iterator[Reader]:
    """A reader in a copy of the sample, who has the runner on PATH and no cloud."""
    if shutil.which("jq") is None and os.environ.get("CI") != "true":
        pytest.skip("the walk needs jq on PATH")
    folder, bin_ = tmp_path / "project", tmp_path / "bin"
    for part in ("models", "data"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Pulumi.yaml", folder)
    bin_.mkdir()
    command = bin_ / "runner"
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m runner "$@"\n')
    command.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RUNNER_")}
    path = f"{bin_}{os.pathsep}{os.environ['PATH']}"
    # MLflow's guess of a model's packages takes seconds, and nothing here reads it.
    kept |= {"PATH": path, "NO_COLOR": "1", "MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT": "0"}
    with Shell.open(folder, kept) as shell:
        yield Reader(shell)


def test_training_looking_comparing_and_registering(trainer: Reader) -> None:
    for blocks in SECTIONS.values():
        trainer.follow(blocks)
    job = trainer.shell.run("echo $FIRST").strip()
    assert (trainer.folder / ".runner" / "jobs" / job / "report.html").exists()
    left = {path.name for path in trainer.folder.iterdir()}
    assert left - {".block"} == {  # the shell's own
        ".runner",
        "Pulumi.yaml",
        "data",
        "first.json",
        "models",
        "second.json",
    }
