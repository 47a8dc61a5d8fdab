"""The archive of this package for Spark's Python workers: it has all that the engine imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

from runner.engine.spark.session import write_package


def imported(source: bytes) -> Iterator[str]:
    """Give the modules of this package that a module imports, wherever it does."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("runner."):
            yield str(node.module)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith("runner."))


def test_the_archive_has_all_that_the_engine_in_it_imports(tmp_path: Path) -> None:
    archive = tmp_path / "runner.zip"
    write_package(archive)
    with ZipFile(archive) as package:
        names = set(package.namelist())
        parts = [name for name in names if name.count("/") > 1]  # of packages below the first
        for name in parts:
            for module in imported(package.read(name)):
                path = module.replace(".", "/")
                assert {f"{path}.py", f"{path}/__init__.py"} & names, f"{name} imports {module}"


def test_a_python_that_has_the_archive_alone_scores_with_it(tmp_path: Path) -> None:
    archive = tmp_path / "runner.zip"
    write_package(archive)
    modules = ("runner.engine.spark.executor", "runner.engine.drivers.mlflow_model")
    code = f"import sys; sys.path.insert(0, {str(archive)!r})\n" + "".join(
        f"import {module}; assert {str(archive)!r} in {module}.__file__\n" for module in modules
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
