"""Two jobs of this machine compared, as a person does it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.projects import ROOT, add_diabetes, make_project


def test_two_jobs_are_compared_after_their_data_are_gone(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    add_diabetes(project)
    data = tmp_path / "data"
    shutil.copytree(ROOT / "data" / "diabetes" / "unlabeled", data)
    names = []
    for older in (0, 9):
        for path in data.glob("*.csv"):
            header, *rows = path.read_text().splitlines()
            cells = [row.rsplit(",", 1) for row in rows]
            aged = [f"{others},{int(age) + older}" for others, age in cells]
            path.write_text("\n".join([header, *aged, ""]))
        done = project.run("score", "diabetes-batch", "--data", str(data), "-o", "json")
        assert done.returncode == 0, done.stderr
        summary = json.loads(done.stdout)
        names.append(summary["job"])
        Path(summary["output"]).unlink()
    shutil.rmtree(data)
    compared = project.run("jobs", "compare", *names, "-o", "json")
    assert (compared.returncode, compared.stderr) == (0, "")
    told = json.loads(compared.stdout)
    assert told["drifted"] == ["Age"]
    assert told["baseline_rows"] == told["other_rows"] == 400
    page = Path(summary["report"]).read_text()
    assert "Inputs by column" in page
