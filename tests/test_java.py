from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import EnvironmentRefused
from runner.java import find_java
from tests.java import java


def test_no_java_names_the_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentRefused, match=r"there is none on PATH; install Java 17 or 21"):
        find_java()


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('Picked up JAVA_TOOL_OPTIONS: -Xmx1g\njava version "21.0.2" 2024-01-16 LTS', 21),
    ],
)
def test_a_java_that_spark_takes_is_found_in_java_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, says: str, version: int
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path / "jdk", says)))
    assert find_java().version == version


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ('java version "1.8.0_411"', "is Java 8"),
        ('openjdk version "11.0.2" 2019-01-15', "is Java 11"),
        ("The operation couldn't be completed. Unable to locate a Java Runtime.", "no version"),
    ],
)
def test_another_java_is_named_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, says: str, why: str
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path / "jdk", says)))
    with pytest.raises(EnvironmentRefused, match=rf"{why}.*; install Java 17 or 21"):
        find_java()


def test_a_java_home_without_java_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(EnvironmentRefused, match=r"JAVA_HOME=\S+ has no bin/java that runs"):
        find_java()
