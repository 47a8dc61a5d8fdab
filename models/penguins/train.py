"""Train the penguin classifier with Spark and log it, its parameters and its figures with MLflow.

    runner train penguins --set maxIter=10 --set regParam=0.2
    python models/penguins/train.py --maxIter 10 --regParam 0.2

Everything is logged to the run this process is part of (a job's), or else to a new one. The same
table and the same values give the same model. The figures come from the 30 % of the rows that the
model has not seen.
"""

from __future__ import annotations

import argparse
from importlib.metadata import version
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types.schema import ColSpec, Schema
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import LogisticRegression
from pyspark.ml.evaluation import MulticlassClassificationEvaluator
from pyspark.ml.feature import MinMaxScaler, StringIndexer, VectorAssembler
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import col

HERE = Path(__file__).resolve().parent
LABELED = HERE.parent.parent / "data" / "penguins" / "labeled.csv"

ISLAND = "Island"
MEASURES = ["CulmenLength", "CulmenDepth", "FlipperLength", "BodyMass"]
LABEL = "Species"
EXAMPLE = [["Biscoe", 48.7, 14.1, 210.0, 4450.0]]
FIGURES = ("accuracy", "weightedRecall", "weightedPrecision")
# Doubles, whole numbers too: a signature of integers would refuse the first half.
SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec("string", ISLAND), *(ColSpec("double", name) for name in MEASURES)]),
    outputs=Schema([ColSpec("double", "prediction")]),
)


def read_penguins(spark: SparkSession, data: str) -> DataFrame:
    """Read a labelled table of CSV, without the rows that have gaps; every column has its type."""
    complete = spark.read.csv(data, header=True).dropna()
    return complete.select(
        col(ISLAND).cast("string"),
        *(col(name).cast("double") for name in MEASURES),
        col(LABEL).cast("int"),
    )


def pipeline(max_iter: int, reg_param: float) -> Pipeline:
    """Return the steps from a penguin's columns to its species."""
    island = StringIndexer(inputCol=ISLAND, outputCol="IslandIndex")
    numeric = VectorAssembler(inputCols=MEASURES, outputCol="NumericFeatures")
    scaled = MinMaxScaler(inputCol="NumericFeatures", outputCol="ScaledFeatures")
    features = VectorAssembler(inputCols=["IslandIndex", "ScaledFeatures"], outputCol="Features")
    classify = LogisticRegression(
        labelCol=LABEL, featuresCol="Features", maxIter=max_iter, regParam=reg_param
    )
    return Pipeline(stages=[island, numeric, scaled, features, classify])


def evaluate(model: PipelineModel, held_out: DataFrame) -> dict[str, float]:
    """Return the figures of a model on rows that it has not seen."""
    predicted = model.transform(held_out).cache()
    evaluator = MulticlassClassificationEvaluator(labelCol=LABEL, predictionCol="prediction")
    return {name: evaluator.setMetricName(name).evaluate(predicted) for name in FIGURES}


def log_model(model: PipelineModel) -> None:
    """Log a model as `model`, with what it takes and what it needs."""
    mlflow.spark.log_model(
        model,
        "model",
        signature=SIGNATURE,
        input_example=pd.DataFrame(EXAMPLE, columns=[ISLAND, *MEASURES]),
        # Named here, because MLflow's own guess scores with Spark for two minutes.
        pip_requirements=[
            *(f"{name}=={version(name)}" for name in ("pyspark", "pandas")),
            "azureml-ai-monitoring==1.0.0",  # for Azure's own script of an online deployment
        ],
    )


def main() -> None:
    """Parse the command line, train, log everything, print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", default=str(LABELED), help="the labelled table, CSV")
    parser.add_argument("--maxIter", type=int, default=5, help="iterations, at most")
    parser.add_argument("--regParam", type=float, default=0.5, help="regularization")
    options = parser.parse_args()

    spark = SparkSession.builder.appName("penguins").getOrCreate()
    seen, held_out = read_penguins(spark, options.data).randomSplit([0.7, 0.3], seed=20)
    with mlflow.start_run():
        mlflow.log_params({"maxIter": options.maxIter, "regParam": options.regParam})
        model = pipeline(options.maxIter, options.regParam).fit(seen)
        figures = evaluate(model, held_out)
        mlflow.log_metrics(figures)
        log_model(model)
    print("held out: " + ", ".join(f"{name} {value:.3f}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
