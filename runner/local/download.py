"""A job's outputs and records are copied out of the workspace here."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from runner.errors import EnvironmentRefused, NotFound
from runner.files.atomic import check_absent, create_atomically
from runner.files.privacy import copy_file
from runner.workspace import Job

_RECORDS = ("logs", "failures.csv", "summary.json", "run.json", "report.html")


def download(
    job: Job, folder: Path, target: Path, logged: Mapping[str, Path] = MappingProxyType({})
) -> Path:
    """Copy a job to `target`, all or nothing, with the layout of `az ml job download --all`.

    Outputs go to `named-outputs/<name>/`; logs, records, and what its run has `logged`, by name, go
    to `artifacts/`. Links stay links. Raises WrongUsage when `target` exists already,
    EnvironmentRefused when it can't be written, and NotFound for a job that has left nothing to
    download.
    """
    target = target.absolute()
    check_absent(target)
    named = folder / "named-outputs"
    outputs = {path.name: path for path in named.iterdir()} if named.exists() else {}
    if job.type == "batch" and job.output and Path(job.output).exists():
        outputs["score"] = Path(job.output)
    records = [folder / name for name in _RECORDS if (folder / name).exists()]
    if not outputs and not records:
        raise NotFound(f"job {job.name!r}, which is {job.status}, has nothing to download")
    try:
        with create_atomically(target) as copy:
            for name, path in outputs.items():
                _copy(path, copy / "named-outputs" / name)
            for name, path in logged.items():
                if name not in _RECORDS:
                    _copy(path, copy / "artifacts" / name)
            for path in records:
                _copy(path, copy / "artifacts" / path.name)
    except OSError as error:
        raise EnvironmentRefused(
            f"can't copy job {job.name!r} to {target} ({_reason(error)}):"
            " mend that, or name a place elsewhere"
        ) from None
    return target


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, copy_function=_copy_file)
    else:
        _copy_file(source, target)


def _copy_file(source: str | Path, target: str | Path) -> None:
    if Path(source).is_symlink():
        Path(target).symlink_to(Path(source).readlink())
    else:
        copy_file(Path(source), Path(target))


def _reason(error: OSError) -> str:
    if isinstance(error, shutil.Error):  # the source, target and reason of each failure
        return str(error.args[0][0][2])
    return error.strerror or str(error)
