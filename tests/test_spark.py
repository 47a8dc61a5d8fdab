from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from runner import spark
from runner.errors import EnvironmentRefused, WrongUsage
from runner.spark import (
    asked_master,
    check_spark,
    find_java,
    reach_master,
    variables_of,
    write_settings,
)
from tests.java import java


@pytest.fixture(autouse=True)
def _another_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path / "jdk", 'openjdk version "11.0.2"')))


def test_a_missing_pyspark_names_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark, "find_spec", lambda _name: None)
    with pytest.raises(EnvironmentRefused, match=r"not installed: .*/spark(\.txt)?`"):
        check_spark()


def test_java_is_looked_for_unless_spark_runs_at_the_end_of_a_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for master in (None, "local[2]", "spark://somewhere:7077"):
        with pytest.raises(EnvironmentRefused, match="is Java 11"):
            check_spark(master)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("RUNNER_SPARK_MASTER", f"sc://127.0.0.1:{port}/;user_id=me")
        check_spark(asked_master())


@pytest.mark.parametrize(
    ("master", "words"),
    [
        ("lcoal[2]", "'lcoal[2]', which Spark doesn't know; it is one of local[2], "),
        ("local[0]", "which Spark doesn't know"),
        ("./cluster", "which Spark doesn't know"),
        ("sc:/host:15002", "which Spark doesn't know"),
        ("spark://host", "'host' is no HOST:PORT"),
        ("sc://host:port", "'host:port' is no HOST:PORT"),
    ],
)
def test_a_master_that_spark_would_not_take_is_named(master: str, words: str) -> None:
    with pytest.raises(WrongUsage, match=re.escape(words)):
        reach_master(master)


@pytest.mark.parametrize(
    "master",
    ["local", "local[*]", "local[4,2]", "local-cluster[2,1,1024]", "yarn", "k8s://https://h"],
)
def test_a_master_that_spark_finds_itself_is_not_asked_for(master: str) -> None:
    reach_master(master)


@pytest.mark.parametrize("kind", ["sc", "spark"])
def test_a_cluster_that_does_not_answer_is_told_of_at_once(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(EnvironmentRefused, match=rf"at {kind}://127.0.0.1:{port} \(.*: Connection"):
        reach_master(f"{kind}://127.0.0.1:{port}")
    with socket.create_server(("127.0.0.1", 0)) as standby:
        reach_master(f"{kind}://127.0.0.1:{port},127.0.0.1:{standby.getsockname()[1]}")


def test_a_shell_that_names_no_cluster_leaves_spark_on_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RUNNER_SPARK_MASTER", "")
    assert asked_master() is None


def test_a_declared_cluster_goes_before_the_shells_and_so_does_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RUNNER_SPARK_MASTER", "local[2]")
    assert asked_master({"RUNNER_SPARK_MASTER": "local[3]"}) == "local[3]"
    assert asked_master({"RUNNER_SPARK_MASTER": ""}) is None
    assert asked_master() == "local[2]"


def test_settings_lie_in_files_that_spark_reads_when_it_starts(tmp_path: Path) -> None:
    variables = write_settings(
        tmp_path / "spark", {"spark.a b": "c\\d\ne", "spark.ui.enabled": "true"}
    )
    assert variables["SPARK_CONF_DIR"] == str(tmp_path / "spark")
    assert variables["SPARK_LOCAL_IP"] == "127.0.0.1"
    assert variables["TZ"] == "UTC"
    lines = (tmp_path / "spark" / "spark-defaults.conf").read_text().splitlines()
    assert "spark.master=local[*]" in lines
    assert "spark.ui.enabled=true" in lines
    assert r"spark.a\ b=c\\d\ne" in lines
    assert (tmp_path / "spark" / "log4j2.properties").exists()


def test_another_version_s_spark_is_not_what_pyspark_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyspark

    own = Path(pyspark.__file__).parent
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / "spark-core_2.12-3.3.1.jar").touch()
    monkeypatch.setenv("SPARK_HOME", str(tmp_path))
    assert variables_of("spark://host:7077") == {"SPARK_HOME": str(own)}
    monkeypatch.setenv("SPARK_HOME", str(own))
    assert variables_of("spark://host:7077") == {}
    monkeypatch.delenv("SPARK_HOME")
    assert variables_of("local[2]") == {
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_HOSTNAME": "localhost",
    }


def test_a_cluster_is_not_told_to_stay_on_this_machine(tmp_path: Path) -> None:
    variables = write_settings(tmp_path, {"spark.master": "spark://host:7077"})
    assert "SPARK_LOCAL_IP" not in variables


def test_spark_connect_is_reached_by_its_address_alone(tmp_path: Path) -> None:
    variables = write_settings(tmp_path, {"spark.master": "sc://host:15002"})
    assert variables["SPARK_REMOTE"] == "sc://host:15002"
    assert "SPARK_CONF_DIR" not in variables


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
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path / "other-jdk", says)))
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
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path / "other-jdk", says)))
    with pytest.raises(EnvironmentRefused, match=rf"{why}.*; install Java 17 or 21"):
        find_java()


def test_a_java_home_without_java_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(EnvironmentRefused, match=r"JAVA_HOME=\S+ has no bin/java that runs"):
        find_java()
