"""Runs a command as a run of MLflow, and writes down in MLflow's own JSON what it tracked.

A program of its own, begun by its path: importing MLflow takes seconds, which the stand-in itself
does not have. Its arguments: the job's folder, its name, its experiment and the command.

Everything is kept in the folder: `tracking.json`, with the answers of MLflow's interface, and the
run's `artifacts`. A logged model is put among these under its name, as azureml-mlflow does.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.protos.service_pb2 import GetMetricHistory, GetRun, SearchRuns
from mlflow.utils.proto_json_utils import message_to_json


def main(folder: Path, job: str, experiment: str, command: list[str]) -> int:
    """Run the command and return its status."""
    address = f"sqlite:///{folder}/mlflow.db"
    client = MlflowClient(address)
    made = client.create_experiment(experiment, (folder / "mlflow").as_uri())
    run = client.create_run(made, run_name=job).info.run_id
    names = {
        "MLFLOW_TRACKING_URI": address,
        "MLFLOW_EXPERIMENT_NAME": experiment,
        "MLFLOW_EXPERIMENT_ID": made,
        "MLFLOW_RUN_ID": run,
    }
    status = subprocess.run(command, env={**os.environ, **names}, check=False).returncode
    client.set_terminated(run, "FAILED" if status else "FINISHED")
    keep_artifacts(client, made, run, folder / "artifacts")
    answers = json.dumps(told(client, made, run)).replace(run, job)
    (folder / "tracking.json").write_text(answers)
    return status


def told(client: MlflowClient, experiment: str, run: str) -> dict[str, Any]:
    """Return the answers of MLflow's interface on a run, by the path of the question."""
    found = client.get_run(run)
    below = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{run}'")
    histories = {key: client.get_metric_history(run, key) for key in found.data.metrics}
    return {
        "runs/get": _json(GetRun.Response(run=found.to_proto())),
        "runs/search": _json(SearchRuns.Response(runs=[child.to_proto() for child in below])),
        "metrics/get-history": {
            key: _json(GetMetricHistory.Response(metrics=[point.to_proto() for point in points]))
            for key, points in histories.items()
        },
    }


def keep_artifacts(client: MlflowClient, experiment: str, run: str, target: Path) -> None:
    """Put a run's artifacts and the models it logged into one folder."""
    target.mkdir()
    _copy(client.get_run(run).info.artifact_uri, target)
    for model in client.search_logged_models([experiment]):
        if model.source_run_id == run:
            _copy(model.artifact_location, target / model.name)


def _copy(address: str, target: Path) -> None:
    source = Path(address.removeprefix("file://"))
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)


def _json(message: Any) -> Any:
    return json.loads(message_to_json(message))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]))
