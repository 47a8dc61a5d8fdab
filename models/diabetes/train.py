"""Train the diabetes classifier and save it as an MLflow model.

    python models/diabetes/train.py
    python models/diabetes/train.py --data labeled.csv --output /tmp/model

The same table gives the same model. The figures printed come from a held-out quarter of the
table; the model that is saved has seen all of it. With MLFLOW_TRACKING_URI set, the parameters
and figures are logged to a run as well.
"""

from __future__ import annotations

import argparse
import os
import shutil
from importlib.metadata import version
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).resolve().parent
LABELED = HERE.parent.parent / "data" / "diabetes" / "labeled.csv"

FEATURES = [
    "Pregnancies",
    "PlasmaGlucose",
    "DiastolicBloodPressure",
    "TricepsThickness",
    "SerumInsulin",
    "BMI",
    "DiabetesPedigree",
    "Age",
]
LABEL = "Diabetic"
REQUIREMENTS = ("scikit-learn", "numpy", "scipy", "pandas", "cloudpickle")
# Imported by the script that Azure writes for an online deployment without one.
ONLINE_ON_AZURE = "azureml-ai-monitoring==1.0.0"


def read_labeled(path: Path) -> tuple[pd.DataFrame, pd.Series[int]]:
    """Read a labelled table: features of shape (rows, 8) as float64, labels of shape (rows,).

    Doubles throughout, though most columns hold whole numbers: a signature of integers would
    refuse the first file with a missing value or a half.
    """
    table = pd.read_csv(path)
    return table[FEATURES].astype("float64"), table[LABEL]


def train_classifier(features: pd.DataFrame, labels: pd.Series[int], strength: float) -> Pipeline:
    """Fit the classifier; `strength` is the inverse of the regularization, scikit-learn's C."""
    steps = [("scale", StandardScaler()), ("classify", LogisticRegression(C=strength))]
    return Pipeline(steps).fit(features, labels)


def evaluate(features: pd.DataFrame, labels: pd.Series[int], strength: float) -> dict[str, float]:
    """Train on three quarters of the table; give accuracy and area under the ROC on the rest."""
    seen, held_out, seen_labels, held_out_labels = train_test_split(
        features, labels, test_size=0.25, random_state=20, stratify=labels
    )
    classifier = train_classifier(seen, seen_labels, strength)
    return {
        "accuracy": float(accuracy_score(held_out_labels, classifier.predict(held_out))),
        "auc": float(roc_auc_score(held_out_labels, classifier.predict_proba(held_out)[:, 1])),
    }


def save_model(classifier: Pipeline, features: pd.DataFrame, output: Path) -> None:
    """Save an MLflow model folder with a signature, in place of a model already there."""
    if (output / "MLmodel").exists():
        shutil.rmtree(output)
    predicted = pd.Series(classifier.predict(features), name=LABEL)
    mlflow.sklearn.save_model(
        classifier,
        output,
        signature=infer_signature(features, predicted),
        # A pickle, which scikit-learn alone can load: MLflow's newer default needs skops.
        serialization_format=mlflow.sklearn.SERIALIZATION_FORMAT_CLOUDPICKLE,
        # Named here, because MLflow's own guess starts a process and takes in what it finds.
        pip_requirements=[
            *(f"{name}=={version(name)}" for name in REQUIREMENTS),
            ONLINE_ON_AZURE,
        ],
    )


def log_run(strength: float, figures: dict[str, float]) -> None:
    """Log to the run this process is part of (an Azure job), or else to a new one."""
    mlflow.log_param("C", strength)
    mlflow.log_metrics(figures)


def main() -> None:
    """Parse the command line, train, print the figures, save the model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=LABELED, help="the labelled table, a CSV file")
    parser.add_argument("--output", type=Path, default=HERE / "model", help="the model's folder")
    parser.add_argument("--strength", type=float, default=1.0, help="inverse regularization (C)")
    options = parser.parse_args()

    features, labels = read_labeled(options.data)
    figures = evaluate(features, labels, options.strength)
    print(f"held out: accuracy {figures['accuracy']:.3f}, AUC {figures['auc']:.3f}")
    save_model(train_classifier(features, labels, options.strength), features, options.output)
    print(f"saved: {options.output}")
    if os.environ.get("MLFLOW_TRACKING_URI"):
        log_run(options.strength, figures)


if __name__ == "__main__":
    main()
