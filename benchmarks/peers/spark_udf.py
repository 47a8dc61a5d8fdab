"""A model as a Spark function, mlflow.pyfunc.spark_udf, on local Spark with two cores.

    python -m benchmarks.peers.spark_udf MODEL-FOLDER FOLDER OUTPUT-FOLDER

Needs the group `spark` and Java. Each row written is: a number that rises within its part,
prediction, file name. Spark knows no row number within a file; this one costs it least.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import mlflow.pyfunc
from pyspark.sql import SparkSession
from pyspark.sql import functions as f

# Spark's Python workers must be this Python, and its driver needs no address but this machine's.
os.environ["PYSPARK_PYTHON"] = sys.executable
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"


def main() -> None:
    """Read every file with the signature's types, predict, write."""
    model_folder, folder, output = sys.argv[1:]
    spark = (
        SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    )
    signature = mlflow.models.get_model_info(model_folder).signature
    (result,) = signature.outputs.input_types()
    predict = mlflow.pyfunc.spark_udf(
        spark, model_folder, result_type=result.to_spark(), env_manager="local"
    )
    rows = spark.read.csv(
        Path(folder).as_uri(), header=True, schema=signature.inputs.as_spark_schema()
    )
    rows.select(
        f.monotonically_increasing_id(),
        predict(*signature.inputs.input_names()),
        f.col("_metadata.file_name"),
    ).write.csv(Path(output).as_uri())
    spark.stop()


if __name__ == "__main__":
    main()
