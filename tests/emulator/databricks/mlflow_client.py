"""What the unmodified MLflow client does in a workspace: a process of its own, for the tests.

Prints what it saw as JSON in its last line. The environment says where the workspace is.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sklearn.linear_model import LogisticRegression


def main(experiment: str, name: str) -> None:
    """Track two runs, register the model of one in Unity Catalog, and load it from there."""
    seen: dict[str, object] = {}
    rows = pd.DataFrame({"length": [float(number) for number in range(8)]})
    kinds = [0, 0, 0, 0, 1, 1, 1, 1]
    mlflow.set_experiment(experiment)
    runs = []
    for strength in (0.1, 1.0):
        model = LogisticRegression(C=strength).fit(rows, kinds)
        with mlflow.start_run() as run:
            mlflow.log_params({"C": strength})
            mlflow.log_metric("accuracy", model.score(rows, kinds))
            mlflow.log_text("hello", "notes/hello.txt")
        runs.append(run.info.run_id)
    kept: Any = {"pip_requirements": ["scikit-learn"], "serialization_format": "cloudpickle"}
    signature = mlflow.models.infer_signature(rows, [0])
    with mlflow.start_run(runs[1]):
        logged = mlflow.sklearn.log_model(model, name="model", signature=signature, **kept)
        bare = mlflow.sklearn.log_model(model, name="bare", **kept)
    client = MlflowClient()
    found = client.search_runs([run.info.experiment_id], "params.C = '1.0'")
    seen["found"] = [item.info.run_id for item in found] == runs[1:]
    seen["artifacts"] = [item.path for item in client.list_artifacts(runs[0], "notes")]
    seen["text"] = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/notes/hello.txt")
    seen["artifact_uri"] = run.info.artifact_uri
    seen["model_location"] = mlflow.get_logged_model(logged.model_id).artifact_location
    seen["experiments"] = [item.name for item in client.search_experiments()]
    named = client.search_experiments(filter_string=f"name = '{experiment}'")
    seen["named"] = [item.name for item in named]
    version = mlflow.register_model(logged.model_uri, name)
    seen["version"] = [version.version, version.status, version.run_id == runs[1]]
    client.set_registered_model_alias(name, "champion", version.version)
    client.set_model_version_tag(name, version.version, "stage", "test")
    told = client.get_model_version_by_alias(name, "champion")
    seen["tags"] = told.tags
    seen["searched"] = [item.version for item in client.search_model_versions(f"name='{name}'")]
    loaded = mlflow.pyfunc.load_model(f"models:/{name}/1")
    seen["predictions"] = loaded.predict(rows.iloc[[0, 7]]).tolist()
    try:
        mlflow.register_model(bare.model_uri, name)
    except MlflowException as error:
        seen["refused"] = "signature" in str(error)
    print(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
