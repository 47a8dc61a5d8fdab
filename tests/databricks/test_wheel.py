"""The wheel that jobs on a cluster run."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

from runner import __version__
from runner.databricks.wheel import ENTRY_POINT, PACKAGE, build_wheel


def installed(folder: Path) -> Distribution:
    """Return the wheel as pip, which checks it, installs it."""
    file = folder / f"{PACKAGE}-{__version__}-py3-none-any.whl"
    file.write_bytes(build_wheel())
    target = folder / "site"
    command = ["-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run([sys.executable, *command, "--target", str(target), str(file)], check=True)
    (found,) = distributions(path=[str(target)])
    return found


def test_pip_installs_it_with_the_entry_point_that_a_job_names(tmp_path: Path) -> None:
    wheel = installed(tmp_path)
    assert (wheel.metadata["Name"], wheel.version) == ("batch-scoring-runner", __version__)
    (entry,) = (point for point in wheel.entry_points if point.name == ENTRY_POINT)
    program = f"import sys; from {entry.module} import {entry.attr}; print(sys.modules['runner'])"
    # Its own package alone: what a cluster lacks must not be imported before it is needed.
    told = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, 'site'); {program}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "site/runner/__init__.py" in told.stdout


def test_the_same_files_give_the_same_bytes() -> None:
    assert build_wheel() == build_wheel()
