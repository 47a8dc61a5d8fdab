"""A project whose one batch endpoint, `lines`, scores on Databricks by a script without a model.

Without a model the host on the cluster has no need to import MLflow, which takes seconds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.emulator.databricks.seed import SeededLake
from tests.projects import ScratchProject

SCRIPT = """
import os, time

def init():
    pass

def run(mini_batch):
    rows = []
    for path in mini_batch:
        with open(path) as file:
            text = file.read().strip()
        if text == "bad":
            raise ValueError("a bad line")
        while text == "wait" and not os.path.exists(os.environ["GO"]):
            time.sleep(0.05)
        rows.append(f"{os.path.basename(path)},{text}")
    return rows
"""
DEPLOYMENT = """
name: main
endpoint_name: lines
code_configuration: {{code: ./code, scoring_script: score.py}}
settings:
  mini_batch_size: 1
  error_threshold: 0
  retry_settings: {{max_retries: 0, timeout: 60}}
  environment_variables: {{GO: {go}}}
"""


@dataclass(frozen=True)
class LinesProject:
    """The project, and the workspace that it is deployed to."""

    lake: SeededLake
    project: ScratchProject
    job_id: int

    @property
    def go(self) -> Path:
        """Return the file for which a file with `wait` in it waits."""
        return self.project.root / "go"

    @property
    def outputs(self) -> Path:
        return self.project.root / "outputs.json"

    def lines(self, **texts: str) -> None:
        """Replace the input by files of these names and texts."""
        for path in self.project.input.glob("*"):
            path.unlink()
        for name, text in texts.items():
            self.project.write(f"data/lines/{name}.txt", text)

    def runs(self) -> list[dict[str, Any]]:
        """Return the runs of the deployment's Databricks Job, the latest first."""
        path = f"/api/2.2/jobs/runs/list?job_id={self.job_id}"
        return list(self.lake.do("GET", path).get("runs") or ())

    def folder(self, job: str) -> Path:
        """Return a job's folder in the volume, as it lies on this machine."""
        return self.lake.local(f"{self.lake.volume}/jobs/{job}")


def make_lines_project(lake: SeededLake, root: Path) -> LinesProject:
    project = ScratchProject(root)
    project.write("Pulumi.yaml", "name: scratch\nruntime: python\n")
    project.write("Pulumi.lake.yaml", "config:\n  scoring:platform: databricks\n")
    project.write("models/lines/batch-endpoint.yml", "name: lines\n")
    project.write("models/lines/batch-deployment.yml", DEPLOYMENT.format(go=root / "go"))
    project.write("models/lines/code/score.py", SCRIPT)
    project.write(
        "models/lines/data.yml", "name: lines\ntype: uri_folder\npath: ../../data/lines\n"
    )
    job_id = lake.add_batch_deployment("lines", "main", "")
    lake.endpoints["lines"]["jobs"]["main"]["model"] = None
    made = LinesProject(lake, project, job_id)
    made.lines(a="one", b="two")
    made.outputs.write_text(json.dumps(lake.outputs()))
    return made
