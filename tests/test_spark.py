from __future__ import annotations

from pathlib import Path

from runner.spark import write_settings


def test_settings_lie_in_files_that_spark_reads_when_it_starts(tmp_path: Path) -> None:
    variables = write_settings(
        tmp_path / "spark", {"spark.a b": "c\\d\ne", "spark.ui.enabled": "true"}
    )
    assert variables["SPARK_CONF_DIR"] == str(tmp_path / "spark")
    assert variables["SPARK_LOCAL_IP"] == "127.0.0.1"
    lines = (tmp_path / "spark" / "spark-defaults.conf").read_text().splitlines()
    assert "spark.master=local[*]" in lines
    assert "spark.ui.enabled=true" in lines
    assert r"spark.a\ b=c\\d\ne" in lines
    assert (tmp_path / "spark" / "log4j2.properties").exists()


def test_a_cluster_is_not_told_to_stay_on_this_machine(tmp_path: Path) -> None:
    variables = write_settings(tmp_path, {"spark.master": "spark://host:7077"})
    assert "SPARK_LOCAL_IP" not in variables


def test_spark_connect_is_reached_by_its_address_alone(tmp_path: Path) -> None:
    variables = write_settings(tmp_path, {"spark.master": "sc://host:15002"})
    assert variables["SPARK_REMOTE"] == "sc://host:15002"
    assert "SPARK_CONF_DIR" not in variables
