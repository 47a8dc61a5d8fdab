"""What the runner's own code and a model or script need of a declared environment."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from runner.engine.needs import MLFLOW_MODEL
from runner.errors import JobFailed

# Modules of the packages that a scikit-learn model is saved with, of which a plain pickle uses
# only those that it names.
_SAVED_WITH: Final = {
    "cloudpickle": b"cloudpickle",
    "mlflow": b"mlflow",
    "mlflow-skinny": b"mlflow",
    "pandas": b"pandas",
    "psutil": b"psutil",
}
_LOOK_AT = 64 << 20  # bytes of a pickle that are searched
_MOST_SCRIPTS = 500


@dataclass(frozen=True)
class Needs:
    """What decides whether an environment will do, besides what is declared."""

    adds: tuple[str, ...] = ()  # requirements of the runner's own code that runs in it
    spared: frozenset[str] = frozenset()  # declared packages that nothing of it imports
    modules: frozenset[str] = frozenset()  # what the script imports, with dots
    runs_runner: bool = True  # the runner's own code runs in it, which wants Python 3.9


def model_needs(model: Path) -> Needs:
    """What scoring an MLflow model without a script needs; nothing of the model is run."""
    from runner.engine.mlmodel import read_mlmodel

    try:
        described = read_mlmodel(model)
    except JobFailed:  # the engine tells of it, with the model's name
        return Needs(MLFLOW_MODEL)
    if not described.is_plain_sklearn:
        return Needs(MLFLOW_MODEL)
    from runner.engine.pickle_names import modules

    assert described.pickle is not None
    try:
        with described.pickle.open("rb") as file:
            content = file.read(_LOOK_AT)
    except OSError:
        return Needs(MLFLOW_MODEL)
    unnamed = {name for name, module in _SAVED_WITH.items() if module not in content}
    return Needs(MLFLOW_MODEL, frozenset(unnamed - set(modules(described))))


def script_needs(code: Path | None) -> Needs:
    """What a scoring script or training code needs: `code` is its file, or the folder of all."""
    if code is None:
        return Needs()
    files = [code] if code.is_file() else sorted(code.rglob("*.py"))[:_MOST_SCRIPTS]
    return Needs(modules=frozenset(_imported(files)))


def _imported(files: Iterable[Path]) -> set[str]:
    found: set[str] = set()
    for file in files:
        try:
            tree = ast.parse(file.read_bytes())
        except (OSError, SyntaxError, ValueError, RecursionError):
            continue  # whoever runs it says what is wrong with it
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found.update(name.name for name in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module)
                found.update(f"{node.module}.{name.name}" for name in node.names)
    return found
