"""Requests to serving endpoints: what they answer, and what is said where they don't."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from runner.databricks.connection import Connection
from runner.databricks.online import send
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from tests.databricks.conftest import outputs_of_lake
from tests.emulator.databricks.seed import SeededLake
from tests.emulator.faults import Answer, Drop, ExpireTokens, Stall

MODEL = Path(__file__).parents[2] / "models" / "diabetes" / "model"
ENDPOINT = "predict-penguin"
MLMODEL = b"signature: {inputs: '[]', outputs: '[]'}\n"
INVOCATIONS = "*/invocations"
REQUEST = json.dumps({"dataframe_records": []}).encode()


def wait_until_settled(lake: SeededLake) -> None:
    deadline = time.monotonic() + 10
    while True:
        found = lake.do("GET", f"/api/2.0/serving-endpoints/{ENDPOINT}")
        if found["state"]["config_update"] != "IN_PROGRESS":
            return
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """Return a model that has no use but to be there."""
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "MLmodel").write_bytes(MLMODEL)
    return tmp_path / "bare"


@pytest.fixture
def connection(lake: SeededLake, bare: Path) -> Connection:
    """Return a workspace with an endpoint of two deployments, which really answers if it has to."""
    version = lake.register_model("penguins", bare)
    model = ("lake.scoring.penguins", version)
    lake.databricks.switches.seconds_to_start = 0.0
    lake.add_online_endpoint(ENDPOINT, {"blue": model, "green": model}, {"blue": 90, "green": 10})
    return Connection(outputs_of_lake(lake))


def test_a_model_answers(lake: SeededLake) -> None:
    version = lake.register_model("diabetes-mlflow", MODEL)
    model = ("lake.scoring.diabetes-mlflow", version)
    lake.add_online_endpoint(ENDPOINT, {"blue": model}, {"blue": 100})
    wait_until_settled(lake)
    connection = Connection(outputs_of_lake(lake))
    features = ["Pregnancies", "PlasmaGlucose", "DiastolicBloodPressure", "TricepsThickness"]
    features += ["SerumInsulin", "BMI", "DiabetesPedigree", "Age"]
    records = [dict.fromkeys(features, 1.0)]
    response = send(connection, ENDPOINT, json.dumps({"dataframe_records": records}).encode())
    assert (response.status, response.deployment) == (200, "blue")
    assert json.loads(response.body) == {"predictions": [0]}
    assert response.model_error is None
    refused = send(connection, ENDPOINT, b'{"dataframe_records": [{"Age": 1}]}', "blue")
    assert refused.status == 400
    assert "Failed to enforce schema" in str(refused.model_error)


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503, 504])
def test_an_answer_that_is_an_error_is_returned_and_not_asked_for_again(
    lake: SeededLake, connection: Connection, status: int
) -> None:
    lake.emulator.faults.inject(
        Answer(status, "SAID_SO", "the model is\nout of memory"), path=INVOCATIONS, times=9
    )
    response = send(connection, ENDPOINT, REQUEST)
    assert response.status == status
    assert response.model_error == "SAID_SO: the model is out of memory"
    assert json.loads(response.body)["error_code"] == "SAID_SO"
    assert len(lake.emulator.faults.injected) == 1


def test_a_token_that_expired_is_renewed_before_the_model_is_asked(
    lake: SeededLake, connection: Connection
) -> None:
    lake.emulator.faults.inject(ExpireTokens(), path=INVOCATIONS)
    lake.emulator.faults.inject(Answer(429, "BUSY", "busy"), path=INVOCATIONS)
    assert send(connection, ENDPOINT, REQUEST).status == 429


def test_who_may_not_ask_is_told_what_it_needs(lake: SeededLake, connection: Connection) -> None:
    lake.emulator.faults.inject(
        Answer(403, "PERMISSION_DENIED", "You do not have permission"), path=INVOCATIONS, times=9
    )
    with pytest.raises(EnvironmentRefused, match="needs the permission Can Query"):
        send(connection, ENDPOINT, REQUEST)


def test_an_endpoint_that_wakes_from_zero_says_so_where_no_answer_comes(
    lake: SeededLake, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.emulator.faults.inject(Drop("before"), path=INVOCATIONS)
    with pytest.raises(EnvironmentRefused, match="scales to zero, so it may be starting"):
        send(connection, ENDPOINT, REQUEST)
    monkeypatch.setenv("RUNNER_TIMEOUT", "0.2")
    lake.emulator.faults.inject(Stall(0.5), path=INVOCATIONS)
    with pytest.raises(EnvironmentRefused, match="raise RUNNER_TIMEOUT"):
        send(Connection(outputs_of_lake(lake)), ENDPOINT, REQUEST)


def test_an_endpoint_that_never_becomes_ready_is_not_asked(lake: SeededLake, bare: Path) -> None:
    version = lake.register_model("penguins", bare)
    lake.databricks.switches.never_ready = True
    lake.add_online_endpoint(ENDPOINT, {"blue": ("lake.scoring.penguins", version)}, {"blue": 100})
    with pytest.raises(
        EnvironmentRefused,
        match=r"is not ready, update in progress, blue creating: wait until `runner"
        rf" endpoints show {ENDPOINT} --env lake`",
    ):
        send(Connection(outputs_of_lake(lake)), ENDPOINT, REQUEST)


def test_a_deployment_that_failed_says_why(lake: SeededLake, bare: Path) -> None:
    version = lake.register_model("penguins", bare)
    lake.databricks.switches.deployment_error = "container exited:\nno module named penguins"
    lake.databricks.switches.seconds_to_start = 0.0
    lake.add_online_endpoint(ENDPOINT, {"blue": ("lake.scoring.penguins", version)}, {"blue": 100})
    with pytest.raises(
        EnvironmentRefused,
        match=r"not ready, update failed, blue failed: container exited: no module named penguins",
    ):
        send(Connection(outputs_of_lake(lake)), ENDPOINT, REQUEST)


def test_names_that_are_not_there_are_met_with_the_nearest(
    lake: SeededLake, connection: Connection
) -> None:
    with pytest.raises(NotFound, match=f"did you mean '{ENDPOINT}'"):
        send(connection, "predict-penguins", REQUEST)
    with pytest.raises(NotFound, match=r"has no deployment 'gren'; did you mean 'green'"):
        send(connection, ENDPOINT, REQUEST, "gren")
    lake.endpoints["nightly"] = {"kind": "batch", "name": "nightly"}
    with pytest.raises(WrongUsage, match="run it with `runner score nightly --env lake`"):
        send(Connection(outputs_of_lake(lake)), "nightly", REQUEST)
