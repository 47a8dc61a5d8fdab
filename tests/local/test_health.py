from __future__ import annotations

from importlib.metadata import PackageNotFoundError

import pytest

from runner.health import Link
from runner.local import health
from runner.project import find_project
from tests.projects import ScratchProject


def links(project: ScratchProject) -> dict[str, Link]:
    return {one.name: one for one in health.examine(find_project(project.root))}


def test_everything_is_ok_where_everything_is_there(project: ScratchProject) -> None:
    found = links(project)
    assert {one.state for one in found.values()} == {"ok"}
    assert "pyarrow " in found["packages of score"].text


@pytest.mark.parametrize(
    ("package", "link", "state"),
    [
        ("pyarrow", "packages of score", "failed"),
        ("mlflow", "packages of mlflow", "skipped"),
        ("uvicorn", "packages of serve", "skipped"),
    ],
)
def test_only_what_scoring_needs_is_broken_without_its_packages(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch, package: str, link: str, state: str
) -> None:
    def version(name: str) -> str:
        if name == package:
            raise PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(health, "version", version)
    found = links(project)[link]
    assert found.state == state
    assert f"{package} not installed: install the dependency group" in found.text


def test_a_project_that_declares_nothing_says_where_it_looked(project: ScratchProject) -> None:
    for file in (project.root / "models").rglob("*.yml"):
        file.unlink()
    found = links(project)["declarations"]
    assert found.state == "failed"
    assert str(project.root / "models") in found.text
