from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from runner.health import Link
from runner.installing import installed_by
from runner.local import health
from runner.project import find_project
from tests.java import java
from tests.projects import ScratchProject


def links(project: ScratchProject) -> dict[str, Link]:
    return {link.name: link for link in health.examine(find_project(project.root))}


def test_everything_is_ok_where_everything_is_there(project: ScratchProject) -> None:
    found = links(project)
    found.pop("Java for Spark")
    assert {link.state for link in found.values()} == {"ok"}
    assert "pyarrow " in found["packages of score"].text


@pytest.mark.parametrize(
    ("package", "link", "state"),
    [
        ("pyarrow", "packages of score", "failed"),
        ("mlflow", "packages of mlflow", "skipped"),
        ("uvicorn", "packages of serve", "skipped"),
        ("pyspark", "packages of spark", "skipped"),
    ],
)
def test_only_what_scoring_needs_is_broken_without_its_packages(
    monkeypatch: pytest.MonkeyPatch, package: str, link: str, state: str
) -> None:
    def version(name: str) -> str:
        if name == package:
            raise PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(health, "version", version)
    group = link.rpartition(" ")[2]
    found = health._packages(group, health._GROUPS[group])
    assert (found.name, found.state) == (link, state)
    assert found.text.startswith(f"{package} not installed: ")
    assert found.text.endswith(installed_by(package, group=group))


@pytest.mark.parametrize(
    ("says", "state", "text"),
    [
        ('openjdk version "21.0.2"', "ok", "Java 21"),
        ('openjdk version "11.0.2"', "skipped", "Spark runs on Java 17 or 21"),
    ],
)
def test_java_is_told_and_its_absence_breaks_nothing(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    says: str,
    state: str,
    text: str,
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path / "jdk", says)))
    found = health._java()
    assert found.state == state
    assert text in found.text


def test_a_project_that_declares_nothing_says_where_it_looked(project: ScratchProject) -> None:
    for file in (project.root / "models").rglob("*.yml"):
        file.unlink()
    found = health._declarations(find_project(project.root))
    assert found.state == "failed"
    assert str(project.root / "models") in found.text


def test_uv_is_told_with_the_pythons_that_it_finds_and_its_absence_breaks_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = health._uv()
    assert found.state == "ok"
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert re.fullmatch(rf"uv [\d.]+.*, \S.*uv; it finds Python .*\b{own}\b.*", found.text)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    monkeypatch.setattr("runner.venvs.uv.find_spec", lambda _name: None)
    missing = health._uv()
    assert missing.state == "skipped"
    assert "install it with" in missing.text
    assert "--env-manager local" in missing.text
