from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import EnvironmentRefused
from runner.local import spark_needs
from runner.local.spark_needs import check_spark_needs
from tests.java import java


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RUNNER_SPARK_MASTER", raising=False)
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path / "jdk", 'openjdk version "11.0.2"')))


def test_a_missing_pyspark_names_its_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark_needs, "find_spec", lambda _name: None)
    with pytest.raises(EnvironmentRefused, match="install the dependency group `spark`"):
        check_spark_needs()


def test_java_is_looked_for_unless_the_cluster_is_at_the_end_of_a_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(EnvironmentRefused, match="is Java 11"):
        check_spark_needs()
    with pytest.raises(EnvironmentRefused, match="is Java 11"):
        check_spark_needs("spark://somewhere:7077")
    check_spark_needs("sc://somewhere:15002")
    monkeypatch.setenv("RUNNER_SPARK_MASTER", "sc://somewhere:15002")
    check_spark_needs()
