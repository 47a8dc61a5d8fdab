"""What is told of a job whose run stayed empty."""

from __future__ import annotations

import os
from pathlib import Path

from runner.local.tracking.diagnosis import why_empty
from runner.local.tracking.plan import RunPlan
from runner.workspace import Run

EMPTY = Run(id="1", name="a", experiment="b", status="FINISHED")
PLAN = RunPlan(experiment="b", name="a")


def test_the_line_that_sets_another_address_is_told(tmp_path: Path) -> None:
    (tmp_path / "fit.py").write_text("import mlflow\nmlflow.set_tracking_uri('http://a')\n")
    reason = why_empty(EMPTY, PLAN, "python fit.py", tmp_path)
    assert reason is not None
    assert "fit.py, line 2," in reason


def test_what_a_command_leaves_that_is_no_script_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "gone.py").symlink_to(tmp_path / "nothing")
    (tmp_path / "folder.py").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.sh")
    assert why_empty(EMPTY, PLAN, "python fit.py", tmp_path) is None
