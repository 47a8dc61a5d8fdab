"""Endpoints: jobs of the stack, and serving endpoints with their state and traffic."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runner.databricks.connection import Connection
from runner.databricks.endpoints import DeployedEndpoints, list_endpoints, show_endpoint
from runner.databricks.online import send
from runner.declarations import Catalog
from runner.errors import EnvironmentRefused, NotFound
from runner.invocation.request import resolve
from runner.workspace import Invocation
from tests.databricks.conftest import outputs_of_lake
from tests.emulator.databricks.seed import SeededLake

CATALOG = Catalog(Path("models"))


def add_batch(lake: SeededLake, jobs: dict[str, int], default: str | None) -> None:
    lake.endpoints["nightly"] = {
        "kind": "batch",
        "name": "nightly-7",
        "deployments": list(jobs),
        "default": default,
        "jobs": {
            name: {"job_id": job, "model": "models:/lake.scoring.penguins/2"}
            for name, job in jobs.items()
        },
    }


def add_online(lake: SeededLake, folder: Path, name: str = "predict-penguin") -> None:
    folder.mkdir(exist_ok=True)
    (folder / "MLmodel").write_text("signature: {inputs: '[]', outputs: '[]'}\n")
    model = ("lake.scoring.penguins", lake.register_model("penguins", folder))
    lake.databricks.switches.seconds_to_start = 0.0
    lake.add_online_endpoint(name, {"blue": model, "green": model}, {"blue": 90, "green": 10})


def test_endpoints_are_shown_with_models_state_and_traffic(
    lake: SeededLake, tmp_path: Path
) -> None:
    add_batch(lake, {"mlflow": 1, "script": 2}, "mlflow")
    add_online(lake, tmp_path / "model")
    connection = Connection(outputs_of_lake(lake))
    batch, online = list_endpoints(connection, CATALOG)
    assert (batch.name, batch.kind, batch.default, batch.state) == (
        "nightly",
        "batch",
        "mlflow",
        None,
    )
    assert [
        (deployment.name, deployment.model, deployment.default) for deployment in batch.deployments
    ] == [
        ("mlflow", "azureml:penguins:2", True),
        ("script", "azureml:penguins:2", False),
    ]
    assert (online.name, online.kind, online.state) == ("predict-penguin", "online", "ready")
    assert [
        (deployment.name, deployment.model, deployment.traffic) for deployment in online.deployments
    ] == [
        ("blue", "azureml:penguins:1", 90),
        ("green", "azureml:penguins:1", 10),
    ]
    assert online.scoring_uri == f"{lake.host}/serving-endpoints/predict-penguin/invocations"
    assert show_endpoint(connection, CATALOG, "nightly-7") == batch
    assert show_endpoint(connection, CATALOG, "predict-penguin") == online
    with pytest.raises(NotFound, match="no endpoint 'nightli'; did you mean 'nightly'"):
        show_endpoint(connection, CATALOG, "nightli")


def test_endpoints_of_other_projects_are_left_out(lake: SeededLake, tmp_path: Path) -> None:
    add_online(lake, tmp_path / "model", "by-hand")
    del lake.endpoints["by-hand"]
    connection = Connection(outputs_of_lake(lake))
    assert [endpoint.name for endpoint in list_endpoints(connection, CATALOG)] == ["by-hand"]
    others = Connection(replace(outputs_of_lake(lake), schema="other"))
    assert list_endpoints(others, CATALOG) == []


def test_a_call_means_a_job_of_the_stack(lake: SeededLake) -> None:
    add_batch(lake, {"mlflow": 1, "script": 2}, "mlflow")
    endpoints = DeployedEndpoints(Connection(outputs_of_lake(lake)), None)
    request = resolve(Invocation(data="x"), CATALOG, endpoints)
    assert (request.endpoint, request.deployment, request.by_default) == ("nightly", "mlflow", True)
    with pytest.raises(NotFound, match="no batch endpoint 'nightli'; did you mean 'nightly'"):
        resolve(Invocation("nightli", data="x"), CATALOG, endpoints)


def test_before_anything_is_pinned_it_is_said_how_to_get_there(lake: SeededLake) -> None:
    connection = Connection(outputs_of_lake(lake))
    endpoints = DeployedEndpoints(connection, None)
    with pytest.raises(
        NotFound, match=r"no batch endpoint 'nightly' yet; register .* --pin`, then"
    ):
        resolve(Invocation("nightly", data="x"), CATALOG, endpoints)
    with pytest.raises(NotFound, match=r"no endpoint 'predict' yet; .* --deployment predict/"):
        show_endpoint(connection, CATALOG, "predict")
    with pytest.raises(
        NotFound, match=r"no online endpoint 'predict' yet; .*t predict/DEPLOYMENT`"
    ):
        send(connection, "predict", b"{}")


def test_an_endpoint_without_deployments_says_how_it_gets_one(lake: SeededLake) -> None:
    add_batch(lake, {}, None)
    endpoints = DeployedEndpoints(Connection(outputs_of_lake(lake)), None)
    with pytest.raises(EnvironmentRefused, match=r"models register --env lake --pin`, then run"):
        resolve(Invocation(data="x"), CATALOG, endpoints)
