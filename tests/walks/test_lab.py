"""The penguins lab is true: it is followed here from the first training to the last removal."""

from __future__ import annotations

from pathlib import Path

from tests.java import needs_java
from tests.projects import ROOT
from tests.walks.document import read_sections
from tests.walks.sample import sample_reader


@needs_java
def test_the_lab_runs_on_this_machine(tmp_path: Path) -> None:
    with sample_reader(tmp_path, "curl") as reader:
        for blocks in read_sections(ROOT / "docs" / "lab.md").values():
            reader.follow(blocks)
        left = {path.name for path in reader.folder.iterdir()}
    assert left - {".block"} == {"Pulumi.local.yaml", "Pulumi.yaml", "data", "models"}
