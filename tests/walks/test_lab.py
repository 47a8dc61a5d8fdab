"""The penguins lab is true: it is followed here from the first training to the last removal."""

from __future__ import annotations

import json
from pathlib import Path

from tests.emulator import Emulator
from tests.java import needs_java
from tests.projects import ROOT
from tests.walks.document import Reader, read_sections
from tests.walks.sample import sample_reader

SECTIONS = read_sections(ROOT / "docs" / "guides" / "lab.md")
THERE = "On Databricks"
# The JVMs below the server that the lab starts, by their process ids.
JVMS = "for child in $(pgrep -P $SERVER); do pgrep -P $child -x java || true; done"


@needs_java
def test_the_lab_runs_on_this_machine(tmp_path: Path) -> None:
    with sample_reader(tmp_path, "curl") as reader:
        jvms = []
        for title, blocks in SECTIONS.items():
            for block in blocks if title != THERE else []:
                reader.follow([block])
                if "data/penguins/request.json" in block.text:
                    jvms.append(reader.shell.run(JVMS).split())
        # Each time that the server is asked, it answers by the same JVM.
        assert len(jvms) > 1
        assert [len(found) for found in jvms] == [1] * len(jvms)
        assert len({found[0] for found in jvms}) == 1
        assert left_in(reader.folder) == {"Pulumi.local.yaml", "Pulumi.yaml", "data", "models"}


@needs_java
def test_the_lab_runs_on_databricks_and_predicts_the_same(
    lake_reader: Reader, emulator: Emulator
) -> None:
    before = left_in(lake_reader.folder)
    blocks = SECTIONS[THERE]
    (last,) = (number for number, block in enumerate(blocks) if "pulumi destroy" in block.text)
    lake_reader.follow(blocks[:last])
    for file, parameters in {
        "first.json": {"maxIter": "5", "regParam": "0.5"},
        "second.json": {"maxIter": "10", "regParam": "0.2"},
    }.items():
        run = json.loads((lake_reader.folder / file).read_text())["run"]
        assert run["parameters"] == parameters
        assert set(run["metrics"]) == {"accuracy", "weightedPrecision", "weightedRecall"}
    # Neither the state, nor the runner's folder, nor any result holds a secret or a bearer token.
    lake_reader.shell.run("pulumi stack export --stack lake > state.json")
    secret = f"eyJ[A-Za-z0-9_-]{{20}}|{emulator.environment['ARM_CLIENT_SECRET']}"
    kept = "state.json first.json second.json .runner here there Pulumi.lake.yaml"
    found = lake_reader.shell.run(f"grep -rlE -e '{secret}' {kept} || true; rm state.json")
    assert found.strip() == ""
    lake_reader.follow(blocks[last:])
    assert left_in(lake_reader.folder) == before
    assert emulator.arm("GET", "/resourceGroups/scoring-lake")[0] == 404


def left_in(folder: Path) -> set[str]:
    """Return the names in a folder, without what is the shell's own."""
    return {path.name for path in folder.iterdir()} - {".block"}
