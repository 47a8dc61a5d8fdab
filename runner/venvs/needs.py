"""Finds what the runner's own code and a model or script need of a declared environment."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from runner.azure_executor import NAMESPACE, PACKAGES, SERVER_MODULE
from runner.engine.needs import MLFLOW_MODEL
from runner.errors import JobFailed
from runner.venvs.names import name_of

# Modules of the packages that a scikit-learn model is saved with, of which a plain pickle uses
# only those that it names.
_SAVED_WITH: Final = {
    "cloudpickle": b"cloudpickle",
    "mlflow": b"mlflow",
    "mlflow-skinny": b"mlflow",
    "pandas": b"pandas",
    "psutil": b"psutil",
}
# By package: the modules that a script may import of it, where they are not all of the namespace.
_MODULES: Final = {
    "azureml-ai-monitoring": ("azureml.ai.monitoring",),
    "azureml-contrib-services": ("azureml.contrib.services",),
    "azureml-core": ("azureml.core", "azureml.data", "azureml.exceptions"),
    "azureml-dataprep": ("azureml.data", "azureml.dataprep"),
    "azureml-dataset-runtime": ("azureml.data", "azureml.dataprep"),
    "azureml-defaults": ("azureml.core", "azureml.data", "inference_schema"),
    "azureml-fsspec": ("azureml.fsspec",),
    "azureml-inference-server-http": (
        "azureml.contrib.services",
        "azureml_inference_server_http",
        "inference_schema",
    ),
    "azureml-mlflow": ("azureml.mlflow",),
}
_LOOK_AT = 16 << 20  # bytes of a pickle that are searched
_MOST_SCRIPTS = 500
_NAMED: Final = tuple(module.encode() for module in (NAMESPACE, "inference_schema"))


@dataclass(frozen=True)
class Needs:
    """The requirements that decide, besides what is declared, whether an environment will do."""

    adds: tuple[str, ...] = ()  # requirements of the runner's own code that runs in it
    spared: frozenset[str] = frozenset()  # declared packages that nothing of it imports
    # The modules of Azure's own executors that scripts import, with dots.
    modules: frozenset[str] = frozenset()
    any_python: bool = False  # every version of Python gives the same result
    server: bool = False  # it runs under Azure's inference server
    runs_runner: bool = True  # the runner's own code runs in it, which wants Python 3.9


def model_needs(model: Path) -> Needs:
    """Return what scoring an MLflow model without a script needs; nothing of the model is run."""
    from runner.engine.mlmodel import read_mlmodel

    try:
        described = read_mlmodel(model)
    except JobFailed:  # the engine reports it, with the model's name
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
    # Functions that are pickled whole, which cloudpickle does, are code of one version of Python.
    portable = "cloudpickle" in unnamed
    return Needs(MLFLOW_MODEL, frozenset(unnamed - set(modules(described))), any_python=portable)


def served_script_needs(code: Path) -> Needs:
    """Return what a script that is served needs; `code` is the folder of all code."""
    # The server stays among the packages, and brings inference_schema along.
    imported = script_needs(code).modules
    others = {each for each in imported if each.partition(".")[0] != "inference_schema"}
    return Needs(modules=frozenset({*others, SERVER_MODULE}), server=True)


def script_needs(code: Path | None) -> Needs:
    """Return what scripts need: `code` is a file, or the folder of all code."""
    if code is None:
        return Needs()
    files = [code] if code.is_file() else islice(_scripts(code), _MOST_SCRIPTS)
    return Needs(modules=frozenset(_imported(files)))


def _scripts(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        # Virtual environments and hidden folders beside the code are no code.
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        yield from (Path(parent, name) for name in sorted(names) if name.endswith(".py"))


def _imported(files: Iterable[Path]) -> Iterator[str]:
    import ast

    for file in files:
        try:
            content = file.read_bytes()
            # Most scripts name none of them, and reading is cheaper than parsing.
            tree = ast.parse(content if any(word in content for word in _NAMED) else b"")
        except (OSError, SyntaxError, ValueError, RecursionError):
            continue  # running it shows what is wrong with it
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from (name.name for name in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module
                yield from (f"{node.module}.{name.name}" for name in node.names)


def left_out(requirements: Iterable[str], imported: frozenset[str]) -> tuple[str, ...]:
    """Return the requirements that only Azure's executor needs, by what is `imported`."""
    return tuple(
        requirement
        for requirement in requirements
        if (name := name_of(requirement)) in PACKAGES and not _uses(name, imported)
    )


def _uses(package: str, imported: frozenset[str]) -> bool:
    return any(
        module == prefix or module.startswith(f"{prefix}.")
        for prefix in _MODULES.get(package, (NAMESPACE,))
        for module in imported
    )
