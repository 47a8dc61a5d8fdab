"""What docs/STYLE.md asks of names, as far as a program can see it."""

from __future__ import annotations

import ast

import pytest

from tests.projects import ROOT

FOLDERS = ("runner", "infra", "benchmarks", "models", "data", "tests", ".github", ".azure")


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_variable_is_called_one(folder: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Name) and node.id == "one")
        or (isinstance(node, ast.arg) and node.arg == "one")
    ]
    assert found == []
