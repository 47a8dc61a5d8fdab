"""Compares the versions of a pull request, whose models and code run with nothing else there.

A stranger's code may have written its results, so `runner.pull_request.comment` trusts nothing in
them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

from runner.pull_request.changes import Change, Changes, Fetched, Versions, versions

# The environment variables that a model is scored with: no token, address or secret of a pipeline.
_PASSED = frozenset(
    {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "PYTHONPATH", "RUNNER_ENV_MANAGER"}
)


def compare_versions(
    changes: Changes,
    fetched: tuple[Fetched, ...],
    folder: Path,
    models: Path,
    reports: Path,
    source: Path,
) -> None:
    """Compare what is at hand, and write a report, or why there is none, for each into a folder.

    `source` has the pull request's files.
    """
    reports.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="versions-") as scratch:
        for place, pair in enumerate(versions(changes, fetched, folder, models)):
            change = changes.changes[pair.places[0]]
            try:
                names = _laid_out(pair, source, Path(scratch, str(place)))
            except (OSError, tarfile.TarError) as error:
                (reports / f"{place}.txt").write_text(f"the files can't be read: {error}\n")
                continue
            _compare(names, change, source, reports / str(place))


def _compare(names: tuple[str, str], change: Change, source: Path, report: Path) -> None:
    words = ["--endpoint", change.endpoint or "", "--deployment", change.deployment or ""]
    done = subprocess.run(
        [sys.executable, "-m", "runner", "models", "compare", *names, *words, "-o", "json"],
        cwd=source,
        env=bare(os.environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    sys.stderr.write(done.stderr.decode(errors="replace"))
    if done.returncode == 0:
        report.with_suffix(".json").write_bytes(done.stdout)
    else:
        report.with_suffix(".txt").write_bytes(done.stderr)


def bare(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables that a stranger's model may see."""
    return {name: value for name, value in environment.items() if name in _PASSED}


def _laid_out(pair: Versions, source: Path, folder: Path) -> tuple[str, str]:
    _unpack(pair.old, folder / "old")
    old = folder / "old" / pair.old_name
    if pair.new is None:
        return str(old), str(source / pair.new_name)
    _unpack(pair.new, folder / "new")
    return str(old), str(folder / "new" / pair.new_name)


def _unpack(archive: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
