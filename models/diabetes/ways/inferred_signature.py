"""The model logged by hand, its signature inferred from the table that it was trained with."""

from __future__ import annotations

import mlflow
from mlflow.models import infer_signature
from patients import read_arguments, split
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
    signature=infer_signature(seen, model.predict(seen)),
    serialization_format="cloudpickle",
    # Imported by the script that Azure writes for an online deployment without one.
    extra_pip_requirements=["azureml-ai-monitoring==1.0.0"],
)
