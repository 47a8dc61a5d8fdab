"""A Spark session for the tests of a process, and a small Spark ML model."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.engine.models import inputs
from tests.java import SHORT_LIVED

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ISLANDS = ("Biscoe", "Dream", "Torgersen")
ZONE = "America/New_York"  # of the session, as of a cluster that others set up
COLUMNS = inputs(Island="string", CulmenLength="double", FlipperLength="long")


@pytest.fixture(scope="session")
def connect_port() -> int:
    """Return the port at which the session of the tests serves Spark Connect as well."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="session")
def spark(connect_port: int) -> Iterator[SparkSession]:
    from pyspark.sql import SparkSession

    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"PYSPARK_PYTHON": sys.executable, **SHORT_LIVED}.items():
            patch.setenv(name, value)
        session = (
            SparkSession.builder.master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.sql.session.timeZone", ZONE)
            .config("spark.plugins", "org.apache.spark.sql.connect.SparkConnectPlugin")
            .config("spark.connect.grpc.binding.address", "127.0.0.1")
            .config("spark.connect.grpc.binding.port", str(connect_port))
            .getOrCreate()
        )
    yield session
    session.stop()


def save_pipeline(folder: Path, model: Any, columns: Sequence[Mapping[str, Any]] = COLUMNS) -> Path:
    """Lay a pipeline out as `mlflow.spark.save_model` does, without waiting for MLflow."""
    import pyspark

    model.write().overwrite().save(f"file://{folder / 'sparkml'}")
    document = {
        "flavors": {
            "python_function": {"loader_module": "mlflow.spark", "data": "sparkml"},
            "spark": {
                "model_class": "pyspark.ml.pipeline.PipelineModel",
                "model_data": "sparkml",
                "pyspark_version": pyspark.__version__,
            },
        },
        "signature": {"inputs": json.dumps(columns)},
    }
    (folder / "MLmodel").write_text(yaml.safe_dump(document))
    return folder


@pytest.fixture(scope="session")
def species(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a fitted pipeline that tells one of three kinds of penguins by three columns."""
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import LogisticRegression
    from pyspark.ml.feature import MinMaxScaler, StringIndexer, VectorAssembler

    rows = [
        (ISLANDS[place % 3], 38.0 + 5 * kind + place % 4, 180 + 15 * kind + place % 7, float(kind))
        for place in range(60)
        for kind in [place % 3]
    ]
    frame = spark.createDataFrame(
        rows, "Island string, CulmenLength double, FlipperLength long, y double"
    )
    stages = [
        StringIndexer(inputCol="Island", outputCol="island"),
        VectorAssembler(inputCols=["CulmenLength", "FlipperLength"], outputCol="numbers"),
        MinMaxScaler(inputCol="numbers", outputCol="scaled"),
        VectorAssembler(inputCols=["island", "scaled"], outputCol="features"),
        LogisticRegression(labelCol="y", maxIter=4),
    ]
    return Pipeline(stages=stages).fit(frame.coalesce(1))


@pytest.fixture(scope="session")
def species_model(species: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pipeline(tmp_path_factory.mktemp("species"), species)
