"""The packages in which the environments of two versions differ."""

from __future__ import annotations

import sys
from pathlib import Path

from runner.comparison.records import cut
from runner.comparison.report import Package
from runner.engine.mlmodel import MlModel
from runner.venvs.interpreter import Interpreter
from runner.venvs.satisfied import installed_versions

_MOST = 100


def differing_packages(
    old: tuple[Interpreter, MlModel | None], new: tuple[Interpreter, MlModel | None]
) -> tuple[Package, ...]:
    """Return the packages that are installed in other versions, or that the models were saved with.

    Where both score in the same Python, what they were saved with is what differs.
    """
    if old[0].python == new[0].python:
        before, after = _saved(old[1]), _saved(new[1])
    else:
        before, after = _installed(old[0]), _installed(new[0])
    found = [
        Package(cut(name, 80), _short(before.get(name)), _short(after.get(name)))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
    return tuple(found[:_MOST])


def _short(version: str | None) -> str | None:
    return None if version is None else cut(version, 80)


def _saved(model: MlModel | None) -> dict[str, str]:
    if model is None:
        return {}
    found = dict(model.saved_versions)
    return found | ({"python": model.saved_python} if model.saved_python else {})


def _installed(interpreter: Interpreter) -> dict[str, str]:
    if interpreter.python is None:
        folders = [folder for folder in sys.path if folder.endswith("site-packages")]
    else:
        prefix = Path(interpreter.python).parent.parent
        folders = [str(folder) for folder in prefix.glob("lib/python3*/site-packages")]
    found = dict(installed_versions(folders))
    return found | ({"python": interpreter.version} if interpreter.version else {})
