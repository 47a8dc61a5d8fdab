from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from runner.errors import EnvironmentRefused, NotFound
from tests.azureml.stage import Stage
from tests.emulator import addresses
from tests.emulator.cloud import Cloud
from tests.emulator.faults import Drop
from tests.emulator.messages import Request, Response, answer
from tests.emulator.routes import Call, route

BODY = b'{"input_data": [[1, 2]]}'


@dataclass
class Scorer:
    """What stands behind an endpoint's scoring URI; answers what it is told to."""

    response: Response = field(
        default_factory=lambda: answer(200, [1], {"azureml-model-deployment": "blue"})
    )
    requests: list[Request] = field(default_factory=list)

    def __call__(self, _cloud: Cloud, call: Call) -> Response:
        self.requests.append(call.request)
        return self.response


@pytest.fixture
def scorer(stage: Stage) -> Iterator[Scorer]:
    scorer = Scorer()
    asked = route("POST", addresses.INFERENCE_HOST, "/score", scorer)
    routes = stage.emulator._app.routes
    routes.insert(0, asked)
    yield scorer
    routes.remove(asked)


@pytest.mark.parametrize("mode", ["Key", "AMLToken", "AADToken"])
def test_a_request_bears_what_the_endpoint_asks_for(
    stage: Stage, scorer: Scorer, tmp_path: Path, mode: str
) -> None:
    actual = stage.online("diabetes-online", auth_mode=mode)
    response = stage.workspace(tmp_path).send("diabetes-online", BODY)
    assert (response.status, response.body, response.deployment) == (200, b"[1]", "blue")
    assert response.content_type.startswith("application/json")
    assert response.seconds > 0
    (request,) = scorer.requests
    assert request.host.startswith(f"{actual}.")
    assert (request.body, request.headers["content-type"]) == (BODY, "application/json")
    assert "azureml-model-deployment" not in request.headers
    bearer = request.headers["authorization"].removeprefix("Bearer ")
    if mode == "Key":
        path = f"{stage.workspace_id}/onlineEndpoints/{actual}/listKeys"
        assert bearer == stage.emulator.arm("POST", path)[1]["primaryKey"]
    else:
        assert len(bearer) > 40


def test_one_deployment_is_asked_by_its_header(
    stage: Stage, scorer: Scorer, tmp_path: Path
) -> None:
    stage.online("diabetes-online", {"blue": 100, "green": 0})
    stage.workspace(tmp_path).send("diabetes-online", BODY, "green")
    assert scorer.requests[0].headers["azureml-model-deployment"] == "green"


@pytest.mark.parametrize("status", [400, 424, 429, 500, 503])
def test_an_answer_that_is_an_error_is_returned_and_not_asked_for_again(
    stage: Stage, scorer: Scorer, tmp_path: Path, status: int
) -> None:
    scorer.response = answer(status, {"message": "no"})
    stage.online("diabetes-online")
    response = stage.workspace(tmp_path).send("diabetes-online", BODY)
    assert (response.status, json.loads(response.body)) == (status, {"message": "no"})
    assert len(scorer.requests) == 1


def test_a_connection_that_drops_is_told_in_one_line(
    stage: Stage, scorer: Scorer, tmp_path: Path
) -> None:
    stage.online("diabetes-online")
    stage.emulator.faults.inject(Drop("after"), path="/score")
    with pytest.raises(EnvironmentRefused, match="ask endpoint 'diabetes-online'") as refused:
        stage.workspace(tmp_path).send("diabetes-online", BODY)
    assert "\n" not in str(refused.value)


def test_an_unknown_deployment_names_the_nearest(stage: Stage, tmp_path: Path) -> None:
    stage.online("diabetes-online", {"blue": 100, "green": 0})
    with pytest.raises(NotFound, match=r"'diabetes-online' has no deployment 'gren'.*'green'"):
        stage.workspace(tmp_path).send("diabetes-online", BODY, "gren")


def test_an_unknown_endpoint_names_the_nearest(stage: Stage, tmp_path: Path) -> None:
    stage.online("nearest-online")
    with pytest.raises(NotFound, match=r"no online endpoint 'nearest-onlin'; did you mean"):
        stage.workspace(tmp_path).send("nearest-onlin", BODY)


def test_a_batch_endpoint_takes_no_requests(stage: Stage, tmp_path: Path) -> None:
    stage.batch("diabetes-batch")
    with pytest.raises(NotFound, match="no online endpoint 'diabetes-batch'"):
        stage.workspace(tmp_path).send("diabetes-batch", BODY)


def test_the_key_is_in_no_error(stage: Stage, scorer: Scorer, tmp_path: Path) -> None:
    actual = stage.online("diabetes-online")
    path = f"{stage.workspace_id}/onlineEndpoints/{actual}/listKeys"
    key = stage.emulator.arm("POST", path)[1]["primaryKey"]
    stage.emulator.faults.inject(Drop("before"), path="/score", times=None)
    with pytest.raises(EnvironmentRefused) as refused:
        stage.workspace(tmp_path).send("diabetes-online", BODY)
    assert key not in str(refused.value)
