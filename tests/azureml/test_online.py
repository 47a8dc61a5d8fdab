from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from runner.azureml.workspace import AzureWorkspace
from runner.errors import EnvironmentRefused, NotFound
from runner.local.serving.request import Request
from runner.local.serving.traffic import HEADER
from runner.workspace import Registration, Response
from tests.azureml.stage import Stage, put
from tests.emulator import Emulator
from tests.emulator.faults import Answer, Drop
from tests.emulator.messages import Response as Answered
from tests.emulator.messages import request
from tests.emulator.seed import IMAGE
from tests.local.serving.recorded_requests import requests_of
from tests.local.serving.recording import FOLDER, kept_body, read
from tests.local.serving.scripts import OBEDIENT
from tests.local.serving.test_recorded_answers import OTHERWISE
from tests.projects import ROOT

BODY = b'{"say": "hello"}'
SCORE = "/score"
MODES = {"key": "Key", "token": "AMLToken", "entra": "AADToken"}


@dataclass(frozen=True)
class Scene:
    """An endpoint for every way to sign in; a script is in blue, which answers, and in green."""

    emulator: Emulator
    stage: Stage
    folder: Path

    @property
    def workspace(self) -> AzureWorkspace:
        return self.stage.workspace(self.folder)

    def send(
        self, endpoint: str = "key", body: bytes = BODY, deployment: str | None = None
    ) -> Response:
        return self.workspace.send(endpoint, body, deployment)

    def ask(self, method: str, path: str, key: str | None = None, **headers: str) -> Answered:
        """Send a request past every client, with the key unless another is given."""
        body = BODY if method == "POST" else b""
        return self.ask_as(Request(method, path, tuple(headers.items()), body), "key", key)

    def ask_as(self, asked: Request, endpoint: str, key: str | None = None) -> Answered:
        """Send a request past every client to an endpoint."""
        url = self.stage.endpoints[endpoint]["scoring_uri"].removesuffix(SCORE) + asked.target
        given = {"Authorization": f"Bearer {key or self.key_of(endpoint)}", **dict(asked.headers)}
        return self.emulator.answer(request(asked.method, url, given, asked.body))

    @property
    def secret(self) -> str:
        return self.key_of("key")

    def key_of(self, endpoint: str) -> str:
        actual = self.stage.endpoints[endpoint]["name"]
        path = f"{self.stage.workspace_id}/onlineEndpoints/{actual}/listKeys"
        return str(self.emulator.arm("POST", path)[1]["primaryKey"])

    def asked(self) -> list[str]:
        """Return the requests to score since the log was cleared."""
        return [str(request) for request in self.emulator.requests if request.path == SCORE]


@pytest.fixture(scope="session")
def made(
    scoring_cloud: Emulator, scoring_group: str, tmp_path_factory: pytest.TempPathFactory
) -> Scene:
    stage = Stage(scoring_cloud, scoring_group)
    folder = tmp_path_factory.mktemp("online")
    (folder / "code").mkdir()
    (folder / "code" / "score.py").write_text(OBEDIENT)
    image = f"{stage.workspace_id}/environments/online/versions/1"
    put(scoring_cloud, image, {"properties": {"image": IMAGE}})
    with pytest.MonkeyPatch.context() as patch:
        for name, value in scoring_cloud.environment.items():
            patch.setenv(name, value)
        _, name, version = (
            stage.workspace(folder).register_code("online", folder / "code").split(":")
        )
    code = f"{stage.workspace_id}/codes/{name}/versions/{version}"
    for endpoint, mode in MODES.items():
        stage.online(
            endpoint,
            {"blue": 100, "green": 0},
            mode,
            environmentId=image,
            codeConfiguration={"codeId": code, "scoringScript": "score.py"},
            requestSettings={"maxQueueWait": "PT30S", "requestTimeout": "PT30S"},
        )
    return Scene(scoring_cloud, stage, folder)


@pytest.fixture
def scene(made: Scene, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    for name, value in made.emulator.environment.items():
        monkeypatch.setenv(name, value)
    made.emulator.requests.clear()
    yield made
    made.emulator.faults.clear()


@pytest.mark.parametrize("endpoint", MODES)
def test_a_request_bears_what_the_endpoint_asks_for(scene: Scene, endpoint: str) -> None:
    response = scene.send(endpoint)
    assert (response.status, response.deployment) == (200, "blue")
    assert json.loads(response.body)["said"] == "hello"
    assert response.content_type.startswith("application/json")
    assert response.seconds > 0
    assert len(scene.asked()) == 1


def test_one_deployment_is_asked_by_its_name(scene: Scene) -> None:
    assert scene.send(deployment="green").deployment == "green"


def test_an_error_of_the_script_is_returned_and_not_asked_for_again(scene: Scene) -> None:
    response = scene.send(body=b'{"raise": "no"}')
    assert (response.status, response.deployment) == (424, "blue")
    assert response.model_error == "500 model_error"
    assert "error occurred in scoring script" in json.loads(response.body)["message"]
    assert len(scene.asked()) == 1


def test_every_method_and_the_description_reach_the_container(scene: Scene) -> None:
    for method, path in (("GET", "/swagger.json"), ("OPTIONS", SCORE), ("GET", SCORE)):
        answered = scene.ask(method, path)
        assert answered.status in (200, 424), answered
        assert answered.headers[HEADER] == "blue"
        assert scene.ask(method, path, key="another").status == 401


def test_an_id_that_is_none_is_replaced(scene: Scene) -> None:
    own = str(uuid.uuid4())
    answers = [scene.ask("POST", SCORE, **{"x-request-id": name}) for name in (own, "mine")]
    first, second = (answered.headers["x-request-id"] for answered in answers)
    assert first == own
    assert str(uuid.UUID(second)) == second


def test_a_deployment_that_failed_has_no_container(scene: Scene) -> None:
    scene.emulator.cloud.operations.plan("*/deployments/blue", error=("BadArgument", "It crashed."))
    scene.stage.online("failed")
    scene.emulator.requests.clear()
    answered = scene.workspace.send("failed", BODY)
    assert (answered.status, answered.deployment) == (404, None)


@pytest.mark.parametrize("status", [400, 429, 500, 503])
def test_an_answer_that_is_an_error_is_returned_and_not_asked_for_again(
    scene: Scene, status: int
) -> None:
    scene.emulator.faults.inject(Answer(status, "No", "not now"), path=SCORE, times=None)
    response = scene.send()
    assert (response.status, response.deployment) == (status, None)
    assert json.loads(response.body)["error"]["message"] == "not now"
    assert len(scene.asked()) == 1


def test_a_connection_that_drops_is_told_in_one_line(scene: Scene) -> None:
    scene.emulator.faults.inject(Drop("after"), path=SCORE)
    with pytest.raises(EnvironmentRefused, match="ask endpoint 'key'") as refused:
        scene.send()
    assert "\n" not in str(refused.value)


def test_the_key_is_in_no_error(scene: Scene) -> None:
    scene.emulator.faults.inject(Drop("before"), path=SCORE, times=None)
    with pytest.raises(EnvironmentRefused) as refused:
        scene.send()
    assert scene.secret not in str(refused.value)


@pytest.fixture(scope="module")
def sample(made: Scene, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Return the scene with the sample's model behind the endpoint `sample`."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in made.emulator.environment.items():
            patch.setenv(name, value)
        deploy_model(made, "sample", ROOT / "models" / "diabetes" / "model")
    return made


def deploy_model(scene: Scene, name: str, folder: Path) -> None:
    """Register a model, and deploy it without a script behind an endpoint of that name."""
    found = scene.workspace.register("model", Registration(name, folder, "mlflow_model"))
    model = f"{scene.stage.workspace_id}/models/{found.name}/versions/{found.version}"
    timeout = {"requestTimeout": "PT30S"}
    scene.stage.online(name, model=model, requestSettings=timeout)


def test_the_sample_answers_what_azures_own_code_answered(sample: Scene) -> None:
    recorded = read(FOLDER / "sample.json")
    asked = {case: sent for case, sent in requests_of("sample") if case not in OTHERWISE}
    assert len(asked) > 50
    for case, sent in asked.items():
        answered, own = sample.ask_as(sent, "sample"), recorded[case]
        if own.status == 200:
            body = kept_body(200, answered.body)
            assert (case, answered.status, body) == (case, 200, own.body)
        else:
            status = answered.headers["ms-azureml-model-error-statuscode"]
            assert (case, answered.status, status) == (case, 424, str(own.status))


def test_a_model_without_what_azures_script_imports_is_not_deployed(
    scene: Scene, tmp_path: Path
) -> None:
    folder = shutil.copytree(ROOT / "models" / "diabetes" / "model", tmp_path / "model")
    conda = (folder / "conda.yaml").read_text()
    (folder / "conda.yaml").write_text(conda.replace("  - azureml-ai-monitoring==1.0.0\n", ""))
    deploy_model(scene, "lacking", folder)
    path = f"onlineEndpoints/{scene.stage.endpoints['lacking']['name']}/deployments/blue"
    found = scene.emulator.arm("GET", f"{scene.stage.workspace_id}/{path}")[1]
    assert found["properties"]["provisioningState"] == "Failed"
    logs = scene.emulator.arm("POST", f"{scene.stage.workspace_id}/{path}/getLogs", {})[1]
    assert logs["content"] == "ModuleNotFoundError: No module named 'azureml.ai'"


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
