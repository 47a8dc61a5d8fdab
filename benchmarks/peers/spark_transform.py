"""The pipeline's own `transform` over what Spark reads and writes itself, on local Spark with two
cores: the least that Spark can do.

    python -m benchmarks.peers.spark_transform MODEL-FOLDER FOLDER OUTPUT-FOLDER

Needs the group `spark` and Java. Each row written is: prediction, file name. There are no row
numbers, and a cell that is no number is a missing one.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pyspark.ml import PipelineModel
from pyspark.sql import SparkSession
from pyspark.sql import functions as f

# Spark's driver needs no address but this machine's.
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"

MEASURES = ("CulmenLength", "CulmenDepth", "FlipperLength", "BodyMass")
SCHEMA = ", ".join(["Island STRING", *(f"{name} DOUBLE" for name in MEASURES)])


def main() -> None:
    """Read every file, predict, write."""
    model_folder, folder, output = sys.argv[1:]
    spark = (
        SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    )
    model = PipelineModel.load((Path(model_folder) / "sparkml").as_uri())
    penguins = spark.read.csv(Path(folder).as_uri(), header=True, schema=SCHEMA).withColumn(
        "file", f.col("_metadata.file_name")
    )
    model.transform(penguins).select("prediction", "file").write.csv(Path(output).as_uri())
    spark.stop()


if __name__ == "__main__":
    main()
