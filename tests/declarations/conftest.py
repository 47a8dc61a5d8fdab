"""Folders of declarations as a person would have them."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import settings

patient = settings(
    deadline=None, max_examples=40
)  # these write files, and a busy machine may take its time

Write = Callable[[str, str], Path]

BATCH_ENDPOINT = """
$schema: https://azuremlschemas.azureedge.net/latest/batchEndpoint.schema.json
name: diabetes-batch
auth_mode: aad_token
defaults:
  deployment_name: mlflow
"""
BATCH_DEPLOYMENT = """
$schema: https://azuremlschemas.azureedge.net/latest/modelBatchDeployment.schema.json
name: mlflow
endpoint_name: diabetes-batch
type: model
model: azureml:diabetes-mlflow@latest
compute: azureml:cpu-cluster
resources:
  instance_count: 2
settings:
  mini_batch_size: 5
  retry_settings:
    max_retries: 1
    timeout: 300
"""
ONLINE_ENDPOINT = """
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json
name: diabetes-online
auth_mode: key
traffic: {blue: 100}
"""
ONLINE_DEPLOYMENT = """
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
name: blue
endpoint_name: diabetes-online
model: azureml:diabetes-mlflow:1
instance_type: Standard_DS3_v2
"""
MODEL = """
$schema: https://azuremlschemas.azureedge.net/latest/model.schema.json
name: diabetes-mlflow
type: mlflow_model
path: ./model
"""
DATA = """
$schema: https://azuremlschemas.azureedge.net/latest/data.schema.json
name: patients-unlabeled
type: uri_folder
path: ../../data/unlabeled
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file below tmp_path, with its folders; the text is dedented."""

    def write_file(name: str, text: str) -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), encoding="utf-8")
        return file

    return write_file


@pytest.fixture
def models(write: Write, tmp_path: Path) -> Path:
    """Return a models folder with a batch and an online endpoint, a deployment each, model and
    data."""
    write("models/diabetes/batch-endpoint.yml", BATCH_ENDPOINT)
    write("models/diabetes/batch-deployment-mlflow.yml", BATCH_DEPLOYMENT)
    write("models/diabetes/online-endpoint.yml", ONLINE_ENDPOINT)
    write("models/diabetes/online-deployment-blue.yml", ONLINE_DEPLOYMENT)
    write("models/diabetes/model.yml", MODEL)
    write("models/diabetes/data.yml", DATA)
    return tmp_path / "models"
