"""Writes the first declarations of a model that somebody brings."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from runner.declarations.catalog import survey_catalog
from runner.declarations.names import ENDPOINT_NAME_RULE, is_asset_name, is_endpoint_name
from runner.declarations.problem import DeclarationError
from runner.engine.mlmodel import MlModel, read_mlmodel
from runner.errors import JobFailed, WrongUsage
from runner.files.atomic import check_absent, write_atomically
from runner.project import Project

_SCHEMAS = "https://azuremlschemas.azureedge.net/latest"
_MOST_COLUMNS = 20  # that a comment lists


def declare_model(project: Project, name: str, folder: Path) -> tuple[Path, ...]:
    """Write the three files that score an MLflow model in batches, into `models/<name>`.

    `folder` holds the model's `MLmodel`. Returns the files. Raises WrongUsage, and leaves nothing
    written, where one of them exists, the name can't be an endpoint's, or the model lies outside
    of the project or isn't one.
    """
    endpoint = f"{name}-batch"
    if not is_asset_name(name) or not is_endpoint_name(endpoint):
        raise WrongUsage(f"{endpoint!r} can't be an endpoint's name, allowed: {ENDPOINT_NAME_RULE}")
    try:
        model = read_mlmodel(folder)
    except JobFailed as error:
        raise WrongUsage(str(error)) from None
    place = project.models / name
    texts = _texts(name, os.path.relpath(folder, place), model)
    if not folder.resolve().is_relative_to(project.root.resolve()):
        inside = os.path.relpath(place / "model")
        raise WrongUsage(
            f"{folder} lies outside of the project, where nobody else would find it: copy it, with"
            f" `mkdir -p {os.path.relpath(place)} && cp -r {folder} {inside}`, and run"
            f" `runner init {name} --model {inside}`"
        )
    for file in texts:
        check_absent(place / file)
    return _write(project, place, texts)


def _write(project: Project, place: Path, texts: Mapping[str, str]) -> tuple[Path, ...]:
    before = survey_catalog(project.models)[1] if project.models.is_dir() else []
    new_folder = not place.exists()
    files = tuple(place / file for file in texts)
    try:
        place.mkdir(parents=True, exist_ok=True)
        for file, text in zip(files, texts.values(), strict=True):
            write_atomically(file, text)
        # Problems from before are not about these files.
        problems = [each for each in survey_catalog(project.models)[1] if each not in before]
        if problems:
            raise DeclarationError(problems)
    except BaseException:
        for file in files:
            file.unlink(missing_ok=True)
        if new_folder and place.exists():
            place.rmdir()
        raise
    return files


def _texts(name: str, path: str, model: MlModel) -> dict[str, str]:
    return {
        "model.yml": f"""\
$schema: {_SCHEMAS}/model.schema.json
# `runner models register --file models/{name}/model.yml` makes the next version of it.
name: {name}
type: mlflow_model
path: {_scalar(path if path.startswith("..") else f"./{path}")}
{_inputs(model)}""",
        "batch-endpoint.yml": f"""\
$schema: {_SCHEMAS}/batchEndpoint.schema.json
# `runner score {name}-batch --data FOLDER` calls it. On Azure the name is 3 to 32 characters long.
name: {name}-batch
defaults:
  deployment_name: mlflow # which deployment answers where a call names none
""",
        "batch-deployment.yml": f"""\
$schema: {_SCHEMAS}/modelBatchDeployment.schema.json
name: mlflow
endpoint_name: {name}-batch
type: model
# The latest version here. On Azure a stack file pins one: `runner models register … --pin`.
model: azureml:{name}@latest
# One of `scoring:clusters` in the stack files, Pulumi.<env>.yaml; it means nothing on this machine.
compute: azureml:cpu-cluster
resources:
  instance_count: 1 # machines
settings:
  max_concurrency_per_instance: 2 # processes on each machine, each with the model in its memory
  mini_batch_size: 10 # files that the model is given at once
  retry_settings:
    max_retries: 3
    timeout: 300 # seconds that one mini-batch may take
  error_threshold: -1 # files that may fail before the job does; -1: any number
  output_action: append_row
  output_file_name: predictions.csv
""",
    }


def _scalar(path: str) -> str:
    """Write a path as YAML, in quotation marks where its characters would mean something else."""
    return (
        path if re.fullmatch(r"[\w./-]+", path, re.ASCII) else json.dumps(path, ensure_ascii=False)
    )


def _inputs(model: MlModel) -> str:
    """Return comments that say what the model wants to be fed."""
    signature = model.signature
    if signature.columns:
        listed = [
            f"#   {column.name!r}: {column.type}{'' if column.required else ', may be missing'}\n"
            for column in signature.columns[:_MOST_COLUMNS]
        ]
        if more := len(signature.columns) - len(listed):
            listed.append(f"#   and {more} more\n")
        return "# By its signature, files of data have these columns:\n" + "".join(listed)
    if signature.only_mlflow_can_check:
        return "# MLmodel has its signature, by which MLflow checks what it is fed.\n"
    return (
        "# It was saved without a signature, so nobody can check its input before it is scored:\n"
        "# `mlflow.models.infer_signature` makes one.\n"
    )
