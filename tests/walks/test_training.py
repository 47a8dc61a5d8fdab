"""The document about training is true: it is followed here, command by command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.projects import ROOT
from tests.walks.document import Reader, read_sections
from tests.walks.sample import sample_reader

SECTIONS = read_sections(ROOT / "docs" / "guides" / "training.md")


@pytest.fixture
def trainer(tmp_path: Path) -> Iterator[Reader]:
    with sample_reader(tmp_path) as reader:
        yield reader


def test_training_looking_comparing_and_registering(trainer: Reader) -> None:
    for blocks in SECTIONS.values():
        trainer.follow(blocks)
    job = trainer.shell.run("echo $FIRST").strip()
    assert (trainer.folder / ".runner" / "jobs" / job / "report.html").exists()
    left = {path.name for path in trainer.folder.iterdir()}
    assert left - {".block"} == {  # the shell's own
        ".runner",
        "Pulumi.local.yaml",
        "Pulumi.yaml",
        "data",
        "first.json",
        "models",
        "second.json",
    }
