"""Keeps in a job's folder which Python ran it, and words that for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from runner.files.atomic import write_atomically
from runner.files.only_files import read_file
from runner.venvs.interpreter import Interpreter, OtherVersion

_MOST_TOLD = 3  # packages that a line names
# The packages that most change a model's predictions, or keep it from loading.
_TELLING = (
    "python",
    "scikit-learn",
    "xgboost",
    "lightgbm",
    "catboost",
    "torch",
    "tensorflow",
    "keras",
    "transformers",
    "pyspark",
    "mlflow",
    "mlflow-skinny",
    "numpy",
    "pandas",
    "scipy",
)


def write_interpreter(interpreter: Interpreter, folder: Path) -> None:
    """Write which Python runs a job into its folder; the caller syncs it. Raises OSError."""
    write_atomically(_file(folder), json.dumps(asdict(interpreter)) + "\n", synced=False)


def read_interpreter(folder: Path) -> Interpreter | None:
    """Read the Python of a job; None where its file is missing or damaged."""
    try:
        return interpreter_from(json.loads(read_file(_file(folder))))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def interpreter_from(document: dict[str, Any]) -> Interpreter:
    """Return an interpreter from what JSON made of it."""
    others = tuple(OtherVersion(**other) for other in document["others"])
    return Interpreter(**{**document, "others": others, "notices": tuple(document["notices"])})


def told_python(interpreter: Interpreter) -> str:
    """Return the version of a job's Python and where its packages come from, in a line."""
    version = interpreter.version or "an unknown version"
    if interpreter.venv is None:
        not_as = f", not as {interpreter.source} declares" if interpreter.others else ""
        return f"{version}, the runner's own{not_as}"
    return f"{version} in the venv {interpreter.venv}, as {interpreter.source} declares"


def told_others(others: Sequence[OtherVersion]) -> list[str]:
    """Return a line for each package of another version than declared, the main ones first."""
    return [
        f"{other.name} {other.installed or 'is missing'}, declared {_declared(other)}"
        for other in _ranked(others)
    ]


def differing(interpreter: Interpreter) -> tuple[str, ...]:
    """Return the notice of a job that runs with other versions than declared, if it does."""
    if not interpreter.others:
        return ()
    lines = told_others(interpreter.others)
    more = len(lines) - _MOST_TOLD
    rest = f"; and {more} more" if more > 0 else ""
    return (
        f"{interpreter.source} declares other packages than the runner's own, which are used:"
        f" {'; '.join(lines[:_MOST_TOLD])}{rest}; `--env-manager auto` takes the declared",
    )


def _declared(other: OtherVersion) -> str:
    return other.declared.removeprefix("==")


def _ranked(others: Sequence[OtherVersion]) -> list[OtherVersion]:
    """Return the most telling packages first, the others as they are declared."""
    places = {name: place for place, name in enumerate(_TELLING)}
    return sorted(others, key=lambda other: places.get(other.name, len(places)))


def _file(folder: Path) -> Path:
    return folder / "interpreter.json"
