"""Training scripts as people write them, each with the job that runs it."""

from __future__ import annotations

from tests.projects import ScratchProject

JOB = """$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json
type: command
code: ./src
environment: azureml:anything@latest
command: {command}
"""

# Nearly all that a script can do with MLflow, in one run of it.
WHOLE = """
import json, os, sys
import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Metric
from sklearn.linear_model import LogisticRegression

seen = {key: value for key, value in os.environ.items() if key.startswith(("MLFLOW", "AZUREML"))}
print(json.dumps(seen), flush=True)
client = MlflowClient()
with mlflow.start_run(run_name="renamed by the script") as run:
    mlflow.log_param("C", 0.5)
    mlflow.log_metric("loss", 2.0, step=0)
    mlflow.log_metric("loss", 1.0, step=1)
    mlflow.log_metric("loss", float("nan"), step=2)
    mlflow.log_metric("limit", float("inf"))
    mlflow.log_metric("depth", float("-inf"))
    many = [Metric("many", float(n), n, n) for n in range(20_000)]
    for begin in range(0, len(many), 1_000):
        client.log_batch(run.info.run_id, metrics=many[begin:begin + 1_000])
    mlflow.set_tag("stage", "trial")
    mlflow.log_text("hello", "notes/hello.txt")
    mlflow.log_input(mlflow.data.from_numpy(np.arange(3), name="grid"), context="training")
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    for name in ("first", "second"):
        logged = mlflow.sklearn.log_model(model, name=name, pip_requirements=["scikit-learn"])
    mlflow.register_model(logged.model_uri, "kept-by-mlflow")
    client.set_registered_model_alias("kept-by-mlflow", "champion", 1)
    with mlflow.start_run(run_name="child", nested=True):
        mlflow.log_metric("fold", 1.0)
    try:
        mlflow.set_experiment("another")
        mlflow.end_run()
        mlflow.start_run(run.info.run_id)
    except mlflow.MlflowException as error:
        print("refused:", error, flush=True)
    mlflow.set_experiment(os.environ["MLFLOW_EXPERIMENT_NAME"])
mlflow.log_metric("late", 1.0)  # begins a run of its own
os.symlink("/etc/hostname", os.path.join(run.info.artifact_uri, "notes", "out.txt"))
client.create_run(os.environ["MLFLOW_EXPERIMENT_ID"], run_name="left open",
                  tags={"mlflow.parentRunId": run.info.run_id})
import helper  # leaves a __pycache__ beside it
open("written-beside-the-code.txt", "w").close()
"""

FAILING = """
import os
import mlflow
mlflow.set_tag("began", "yes")
mlflow.start_run(nested=True)
mlflow.log_params({"C": "one half", "word": "another"})
os._exit(3)
"""

ELSEWHERE = """
import mlflow
# mlflow.set_tracking_uri("never")
mlflow.set_tracking_uri("sqlite:///own.db")
mlflow.log_metric("loss", 1.0)
"""


def add_jobs(project: ScratchProject) -> None:
    """Declare the jobs `whole`, `failing`, `elsewhere` and `late` of the model folder `echo`."""
    for name, script in (("whole", WHOLE), ("failing", FAILING), ("elsewhere", ELSEWHERE)):
        project.write(f"models/echo/src/{name}.py", script)
        project.write(
            f"models/echo/{name}.yml",
            JOB.format(command=f"python {name}.py"),
        )
    project.write(
        "models/echo/late.yml", JOB.format(command="sleep 600") + "limits: {timeout: 1}\n"
    )
    project.write("models/echo/src/helper.py", "")
    project.write("models/echo/src/.amlignore", "secret.txt\n")
    project.write("models/echo/src/secret.txt", "")
    (project.root / "data" / "outside").mkdir()
    (project.root / "data" / "outside" / "link").symlink_to("/etc/hostname")
    with (project.root / "models" / "echo" / "whole.yml").open("a") as file:
        file.write(
            "display_name: A whole run\nexperiment_name: greetings\ndescription: With everything\n"
            "tags: {team: blue, 'a@b': odd}\nproperties: {cost: low}\n"
            "environment_variables: {MLFLOW_RUN_ID: mine, GREETING: hello}\n"
            "inputs:\n"
            "  lines: {type: uri_folder, path: azureml:lines@latest}\n"
            "  first: {type: uri_file, path: ../../data/lines/f000.txt}\n"
            "  outside: {type: uri_folder, path: ../../data/outside}\n"
            "  word: fine\n  C: half\n"
        )
