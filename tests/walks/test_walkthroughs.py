"""The walkthroughs are true: all of them is done, and Microsoft's own SDK sees the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from runner.assets.content import hash_path
from tests.emulator import Emulator
from tests.local.serving.recording import FOLDER, read
from tests.projects import ROOT
from tests.walks.conftest import FIRST, SECTIONS
from tests.walks.document import Reader

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

BATCH = "Batch with an MLflow model"
INPUTS = "Batch with a script, and every kind of input"
ONLINE = "Online, blue and green"
TRAINING = "Train, and register what was trained"
REST = "Batch by REST"
PREDICTIONS = "named-outputs/score/predictions.csv"
UNLABELED = ROOT / "data" / "diabetes" / "unlabeled"
LABELED = ROOT / "data" / "diabetes" / "labeled.csv"


@pytest.fixture(scope="session")
def output(deployed: Reader) -> Mapping[str, Any]:
    """Return the stack's output of its first deployment."""
    printed = deployed.shell.run("pulumi stack output runner --stack dev --json")
    found: Mapping[str, Any] = json.loads(printed)
    return found


@pytest.fixture
def client(scoring_azure: Emulator, output: Mapping[str, Any]) -> MLClient:
    from azure.ai.ml import MLClient
    from azure.identity import EnvironmentCredential

    return MLClient(
        EnvironmentCredential(),
        output["subscription_id"],
        output["resource_group"],
        output["workspace"],
        cloud=output["cloud"],
    )


def test_every_walk_is_walked() -> None:
    assert set(SECTIONS) == {FIRST, BATCH, INPUTS, ONLINE, TRAINING, REST}


def test_batch_with_an_mlflow_model(
    reader: Reader, client: MLClient, output: Mapping[str, Any], tmp_path: Path
) -> None:
    reader.follow(SECTIONS[BATCH])
    here = (reader.folder / "here" / PREDICTIONS).read_bytes()
    assert len(here.splitlines()) == 400

    client.models.download("diabetes-mlflow", version="1", download_path=str(tmp_path / "model"))
    (found,) = (tmp_path / "model").rglob("MLmodel")
    assert contents(found.parent) == contents(ROOT / "models" / "diabetes" / "model")
    job = reader.shell.run("echo $JOB").strip()
    endpoint = output["endpoints"]["diabetes-batch"]["name"]
    assert job in [listed.name for listed in client.batch_endpoints.list_jobs(endpoint)]
    client.jobs.download(job, download_path=str(tmp_path / "job"), output_name="score")
    (predictions,) = (tmp_path / "job").rglob("predictions.csv")
    assert predictions.read_bytes() == here


def test_batch_with_a_script_and_every_kind_of_input(reader: Reader, client: MLClient) -> None:
    reader.follow(SECTIONS[INPUTS])
    lines = {at: (reader.folder / at / PREDICTIONS).read_text() for at in ("here", "here-one")}
    assert {name: len(text.splitlines()) for name, text in lines.items()} == {
        "here": 400,
        "here-one": 100,
    }
    # The same content is registered once, however it was named.
    (registered,) = client.data.list("patients-unlabeled")
    assert registered.type == "uri_folder"
    for path in (UNLABELED, UNLABELED / "patients-1.csv"):
        assert len(list(client.data.list(f"input-{hash_path(path)[:16]}"))) == 1


def test_online_blue_and_green(reader: Reader, client: MLClient, output: Mapping[str, Any]) -> None:
    reader.follow(SECTIONS[ONLINE])
    name = output["endpoints"]["diabetes-online"]["name"]
    assert client.online_endpoints.get(name).traffic == {"blue": 50, "green": 50}
    answer = client.online_endpoints.invoke(
        name,
        request_file=str(reader.folder / "data/diabetes/request.json"),
        deployment_name="green",
    )
    recorded = read(FOLDER / "sample.json")["the sample's request"]
    assert recorded.status == 200
    for file in ("here.json", "there.json"):
        assert (reader.folder / file).read_text().strip() == recorded.body
    assert answer == recorded.body


def test_train_and_register_what_was_trained(
    reader: Reader, client: MLClient, tmp_path: Path
) -> None:
    from azure.ai.ml import load_job

    reader.follow(SECTIONS[TRAINING])
    job = reader.shell.run("echo $JOB").strip()
    declared: Any = load_job(ROOT / "models" / "diabetes" / "train.yml")
    found: Any = client.jobs.get(job)
    assert (found.status, found.command) == ("Completed", declared.command)
    assert found.compute == declared.compute.removeprefix("azureml:")
    assert len(list(client.data.list(f"input-{hash_path(LABELED)[:16]}"))) == 1
    (version,) = [
        str(model.version)
        for model in client.models.list("diabetes-mlflow")
        if model.job_name == job
    ]
    client.models.download("diabetes-mlflow", version=version, download_path=str(tmp_path))
    # This version of the SDK downloads no model that a job wrote
    # (Azure/azure-sdk-for-python#48941).
    reader.shell.run("runner jobs download $JOB --env dev --download-path trained")
    registered, written = (
        contents(next(folder.rglob("MLmodel")).parent)
        for folder in (tmp_path / "diabetes-mlflow", reader.folder / "trained/named-outputs/model")
    )
    assert registered == written


def test_batch_by_rest(reader: Reader, client: MLClient) -> None:
    reader.follow(SECTIONS[REST])
    predictions = (reader.folder / "predictions.csv").read_text()
    assert {line.rpartition(",")[2] for line in predictions.splitlines()} == {
        file.name for file in UNLABELED.iterdir()
    }
    assert client.jobs.get(reader.shell.run("echo $JOB").strip()).status == "Completed"


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder by their names in it."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}
