"""The findings against what people reported."""

from __future__ import annotations

import ast
from pathlib import Path

from runner import checks

from .reports import REPORTS

# Findings without a report, and what they stand on.
UNREPORTED = {
    "backslash": "Linux has no folders in a name with backslashes",
    "capitals": "Linux tells capitals apart, macOS and Windows don't",
    "conda-file": "conda takes a mapping with a list of packages",
    "columns": "MLflow refuses a table without a required column",
    "declared-twice": "Azure makes a model's environment of its conda.yaml",
    "functions": "the contract of scoring scripts in Azure's documentation",
    "left-out": "azure-ai-ml sends what its own ignore rules leave",
    "library": "a model can't be loaded without its library",
    "line-ends": "a shell takes the carriage return for a part of the word",
    "mlmodel": "what Azure loads an MLflow model by",
    "own-path": "Azure's machines have other folders",
    "retired-size": "Azure's own list of the sizes that it retired",
    "subfolders": "batch deployments read the top folder",
    "variable": "Azure's documentation of the variables that it sets",
}


def codes() -> set[str]:
    """Return the code of every finding, by reading what makes them."""
    found = set()
    for file in Path(checks.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_bytes())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id in ("error", "warning", "of_problem") and len(node.args) > 1:
                code = node.args[1]
                assert isinstance(code, ast.Constant), ast.unparse(node)
                found.add(str(code.value))
    return found


def test_there_are_thirty_reports_and_more_each_at_an_address_of_its_own() -> None:
    addresses = [report.address for report in REPORTS]
    assert len(set(addresses)) == len(addresses) >= 30
    assert all(address.startswith("https://") for address in addresses)


def test_every_report_is_covered_by_a_finding_or_says_why_not() -> None:
    for report in REPORTS:
        assert (report.finding is None) == bool(report.why), report.title
    assert {report.finding for report in REPORTS} - {None} <= codes()


def test_every_finding_is_for_a_report_or_says_what_it_stands_on() -> None:
    reported = {report.finding for report in REPORTS}
    assert codes() - reported == UNREPORTED.keys()
