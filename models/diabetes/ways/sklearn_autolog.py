"""Autologging of one library, which takes options; here a pickle, which loads without MLflow."""

from __future__ import annotations

import mlflow
from patients import read_arguments, split
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

options = read_arguments()
seen, held_out, seen_labels, held_out_labels = split(options.data)

mlflow.sklearn.autolog(serialization_format="cloudpickle")
with mlflow.start_run():
    model = make_pipeline(StandardScaler(), LogisticRegression(C=options.strength))
    model.fit(seen, seen_labels)
    chances = model.predict_proba(held_out)[:, 1]
    mlflow.log_metric("test_auc", roc_auc_score(held_out_labels, chances))
