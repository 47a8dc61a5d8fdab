"""The penguins as a Spark function, mlflow.pyfunc.spark_udf, on local Spark with two cores.

    python -m benchmarks.peers.spark_udf_penguins MODEL-FOLDER FOLDER OUTPUT-FOLDER

Needs the group `spark` and Java. Each row written is: prediction, file name.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import mlflow.pyfunc
from pyspark.sql import SparkSession
from pyspark.sql import functions as f

from benchmarks.peers.penguins import MEASURES, SCHEMA

# Spark's Python workers must be this Python, and its driver needs no address but this machine's.
os.environ["PYSPARK_PYTHON"] = sys.executable
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"


def main() -> None:
    """Read every file, predict, write."""
    model_folder, folder, output = sys.argv[1:]
    spark = (
        SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    )
    predict = mlflow.pyfunc.spark_udf(
        spark, model_folder, result_type="double", env_manager="local"
    )
    penguins = spark.read.csv(Path(folder).as_uri(), header=True, schema=SCHEMA)
    penguins.select(predict("Island", *MEASURES), f.col("_metadata.file_name")).write.csv(
        Path(output).as_uri()
    )
    spark.stop()


if __name__ == "__main__":
    main()
