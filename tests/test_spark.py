from __future__ import annotations

from pathlib import Path

import pytest

from runner import spark
from runner.errors import EnvironmentRefused
from runner.spark import asked_master, check_spark
from tests.java import java


@pytest.fixture(autouse=True)
def _another_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path / "jdk", 'openjdk version "11.0.2"')))


def test_a_missing_pyspark_names_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark, "find_spec", lambda _name: None)
    with pytest.raises(EnvironmentRefused, match=r"not installed: .*requirements/spark"):
        check_spark()


def test_java_is_looked_for_unless_spark_runs_at_the_end_of_a_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for master in (None, "local[2]", "spark://somewhere:7077"):
        with pytest.raises(EnvironmentRefused, match="is Java 11"):
            check_spark(master)
    monkeypatch.setenv("RUNNER_SPARK_MASTER", "sc://somewhere:15002")
    check_spark(asked_master())


def test_a_shell_that_names_no_cluster_leaves_spark_on_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RUNNER_SPARK_MASTER", "")
    assert asked_master() is None
