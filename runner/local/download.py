"""Copying a job's outputs and records out of the workspace."""

from __future__ import annotations

import shutil
from pathlib import Path

from runner.errors import EnvironmentRefused, NotFound
from runner.workspace import Job

_RECORDS = ("logs", "failures.csv", "summary.json", "report.html")


def download(job: Job, folder: Path, target: Path) -> Path:
    """Copy to `target` as `az ml job download --all` lays a job out, whole or not at all.

    Outputs go to `named-outputs/<name>/`, logs and records to `artifacts/`. Raises
    EnvironmentRefused when `target` exists already or can't be written, and NotFound for a job
    that has left nothing to download.
    """
    target = target.absolute()
    if target.exists():
        raise EnvironmentRefused(f"{target} exists already; name another folder")
    named = folder / "named-outputs"
    outputs = {path.name: path for path in named.iterdir()} if named.exists() else {}
    if job.type == "batch" and job.output and Path(job.output).exists():
        outputs["score"] = Path(job.output)
    records = [folder / name for name in _RECORDS if (folder / name).exists()]
    if not outputs and not records:
        raise NotFound(f"job {job.name!r}, which is {job.status}, has nothing to download")
    aside = target.with_name(f".{target.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        for name, path in outputs.items():
            _copy(path, aside / "named-outputs" / name)
        for path in records:
            _copy(path, aside / "artifacts" / path.name)
        aside.rename(target)
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        raise EnvironmentRefused(f"{target} can't be written: {error.strerror}") from None
    return target


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)
