"""The model logged by hand, its signature written out: what the columns are is decided, not found.

Every feature is a double, whole numbers too, so that a missing value or a half scores like any
other number.
"""

from __future__ import annotations

import mlflow
from mlflow.models import ModelSignature
from mlflow.types.schema import ColSpec, Schema
from patients import LABEL, read_arguments, split
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

options = read_arguments()
seen, held_out, seen_labels, held_out_labels = split(options.data)

model = make_pipeline(StandardScaler(), LogisticRegression(C=options.strength))
model.fit(seen, seen_labels)

mlflow.log_param("C", options.strength)
mlflow.log_metric("test_accuracy", accuracy_score(held_out_labels, model.predict(held_out)))
mlflow.sklearn.log_model(
    model,
    "model",
    signature=ModelSignature(
        inputs=Schema(
            [
                ColSpec("double", "Pregnancies"),
                ColSpec("double", "PlasmaGlucose"),
                ColSpec("double", "DiastolicBloodPressure"),
                ColSpec("double", "TricepsThickness"),
                ColSpec("double", "SerumInsulin"),
                ColSpec("double", "BMI"),
                ColSpec("double", "DiabetesPedigree"),
                ColSpec("double", "Age"),
            ]
        ),
        outputs=Schema([ColSpec("long", LABEL)]),
    ),
    serialization_format="cloudpickle",
    # Imported by the script that Azure writes for an online deployment without one.
    extra_pip_requirements=["azureml-ai-monitoring==1.0.0"],
)
