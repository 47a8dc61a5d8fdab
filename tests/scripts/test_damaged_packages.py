"""The packages that make has installed again, as modules of theirs were deleted."""

from __future__ import annotations

import subprocess
import venv
from pathlib import Path

from tests.projects import ROOT


def test_a_package_that_lost_a_module_is_installed_again(tmp_path: Path) -> None:
    venv.create(tmp_path, symlinks=True)
    python = tmp_path / "bin" / "python"
    (packages,) = tmp_path.glob("lib/python*/site-packages")
    for name, kept in (("complete", True), ("damaged", False)):
        record = packages / f"{name}-1.0.dist-info" / "RECORD"
        record.parent.mkdir()
        record.write_text(f"{name}/a.py,sha256=x,0\n{name}/notes.txt,,\n")
        if kept:
            (packages / name).mkdir()
            (packages / name / "a.py").touch()
    done = subprocess.run(
        [python, ROOT / "scripts" / "damaged-packages"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "--reinstall-package damaged\n"
