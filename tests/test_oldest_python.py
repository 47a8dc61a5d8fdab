"""What runs in the Python that a model declares: it works from Python 3.9 on."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

from .pythons import python_of

ROOT = Path(__file__).parents[1]
# What is started in another Python, by `runner.processes.command_in`.
STARTED = ("runner.engine.preloading", "runner.local.serving.worker")


def file_of(module: str) -> Path | None:
    folder = ROOT.joinpath(*module.split("."))
    found = (folder / "__init__.py", folder.with_suffix(".py"))
    return next((path for path in found if path.exists()), None)


def imported(module: str) -> Iterator[str]:
    """Yield the modules of this package that a module needs: what it imports, for types' sake too,
    and the packages it lies in."""
    path = file_of(module)
    assert path is not None
    yield from (module[: dot.start()] for dot in re.finditer(r"\.", module))
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def needed_there() -> set[str]:
    found: set[str] = set()
    left = list(STARTED)
    while left:
        module = left.pop()
        if module.startswith("runner") and module not in found and file_of(module):
            found.add(module)
            left += imported(module)
    return found


def test_what_runs_in_another_python_is_checked_for_the_oldest_one() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = settings["tool"]["ruff"]["per-file-target-version"]
    assert set(patterns.values()) == {"py39"}
    checked = {
        path for pattern in patterns for part in each_of_braces(pattern) for path in ROOT.glob(part)
    }
    assert checked == {file_of(module) for module in needed_there()}


def each_of_braces(pattern: str) -> Iterator[str]:
    before, brace, rest = pattern.partition("{")
    inside, _, after = rest.partition("}")
    yield from (f"{before}{part}{after}" for part in inside.split(",")) if brace else [pattern]


def test_each_module_has_the_grammar_of_the_oldest_python() -> None:
    for module in needed_there():
        path = file_of(module)
        assert path is not None
        ast.parse(path.read_bytes(), str(path), feature_version=(3, 9))


def test_each_module_is_imported_by_the_oldest_python_without_any_package() -> None:
    python = python_of("3.9")
    program = f"""
import sys; sys.path.append({str(ROOT)!r})
from importlib import import_module
for name in {sorted(needed_there())!r}: import_module(name)
"""
    done = subprocess.run(
        [python, "-I", "-S", "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
