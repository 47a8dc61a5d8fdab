"""`https://<endpoint>.<location>.inference.…/score` and `/swagger.json`: deployments that answer.

What answers is the worker that serves a deployment on one machine, over the model's blobs: Azure's
own server for a script. What that worker takes and Azure does not, this refuses.
"""

from __future__ import annotations

import json
import random
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from runner.errors import JobFailed
from runner.local.serving.answer import Answer, refuse
from runner.local.serving.deployment import Deployment
from runner.local.serving.model_error import as_azure_shows
from runner.local.serving.plan import DeploymentPlan
from runner.local.serving.request import Request
from runner.local.serving.traffic import HEADER, choose, nobody
from tests.emulator import addresses, people
from tests.emulator.batch.invocation import seconds_of
from tests.emulator.batch.places import Place, download, find_place, model_root
from tests.emulator.blobs import Blobs
from tests.emulator.cloud import Cloud
from tests.emulator.messages import Refusal, Response
from tests.emulator.ml.endpoints import ONLINE
from tests.emulator.ml.online import token_audience
from tests.emulator.operations import FAILED
from tests.emulator.routes import Call, Route, route
from tests.emulator.state import Resource
from tests.inference_server import server_python

_ID = "x-request-id"
# The beginning of a notice in an answer that Azure would not give.
_ELSEWHERE = "Azure answers 424 to this"


class OnlineScoring:
    """The processes behind all online deployments, each started by its first request."""

    def __init__(self, blobs: Blobs, folder: Path, seed: int = 0) -> None:
        self._blobs = blobs
        self._folder = folder
        self._chances = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._running: dict[tuple[str, str], Deployment] = {}
        self._lock = threading.Lock()

    def routes(self) -> list[Route]:
        """Return the routes of requests of every method, with the endpoint's own key or token."""
        return [
            route("*", addresses.INFERENCE_HOST, path, self._answer, serial=False)
            for path in ("/score", "/swagger.json")
        ]

    def stop(self) -> None:
        """End all processes."""
        with self._lock:
            for deployment in self._running.values():
                deployment.close()
            self._running.clear()

    def _answer(self, cloud: Cloud, call: Call) -> Response:
        endpoint = _endpoint(cloud, call)
        _check_sign_in(cloud, call, endpoint)
        traffic: Mapping[str, int] = endpoint.properties.get("traffic") or {}
        name = call.request.headers.get(HEADER) or choose(traffic, self._chances.random())
        if name is None:
            return _response(nobody(endpoint.body["name"]), None)
        deployment = cloud.state.get(f"{endpoint.key}/deployments/{name}")
        if deployment is None:
            raise Refusal(404, "NotFound", f"There is no deployment {name} of this endpoint.")
        asked = _handed_on(call)
        try:
            container = self._started(cloud, endpoint, deployment)
            if container is None:
                return _response(nobody(endpoint.body["name"]), None)
            answered = container.score(asked)
        except JobFailed as error:
            raise Refusal(502, "BadGateway", str(error)) from None
        return _response(_as_azure_takes(answered, asked), deployment.body["name"])

    def _started(self, cloud: Cloud, endpoint: Resource, deployment: Resource) -> Deployment | None:
        """Return the deployment's container; of one that failed the last that ran, if any did."""
        identity = (deployment.key, str(deployment.properties))
        with self._lock:
            if deployment.properties.get("provisioningState") == FAILED:
                ran = [
                    running for (key, _), running in self._running.items() if key == deployment.key
                ]
                return ran[-1] if ran else None
            if identity not in self._running:
                started = Deployment(self._plan(cloud, endpoint, deployment, len(self._running)))
                started.start()
                self._running[identity] = started
            return self._running[identity]

    def _plan(
        self, cloud: Cloud, endpoint: Resource, deployment: Resource, number: int
    ) -> DeploymentPlan:
        folder = self._folder / f"{number}"
        properties = deployment.properties
        workspace = endpoint.body["id"].rpartition("/onlineEndpoints/")[0]
        model = _place(cloud, workspace, properties.get("model"), "modelUri")
        code = properties.get("codeConfiguration") or {}
        code_place = _place(cloud, workspace, code.get("codeId"), "codeUri")
        if model is not None:
            download(self._blobs, model, model_root(folder, model))
        if code_place is not None:
            download(self._blobs, code_place, folder / "code")
        variables = {"AZUREML_MODEL_DIR": str(folder / "model")} if model else {}
        settings = properties["requestSettings"]
        return DeploymentPlan(
            name=deployment.body["name"],
            model=str(model_root(folder, model)) if model else None,
            label=properties.get("model"),
            code=str(folder / "code") if code_place else None,
            script=code.get("scoringScript"),
            environment_variables=variables | (properties.get("environmentVariables") or {}),
            slots=deployment.body["sku"]["capacity"] * settings["maxConcurrentRequestsPerInstance"],
            request_timeout=seconds_of(settings["requestTimeout"]),
            queue_wait=seconds_of(settings["maxQueueWait"]),
            python=server_python() if code_place else None,
        )


def _handed_on(call: Call) -> Request:
    """Return the request as the container gets it, with an id that is one."""
    asked = call.request
    headers = {name: value for name, value in asked.headers.items() if name != "authorization"}
    headers[_ID] = _guid(headers.get(_ID))
    target = f"{asked.path}?{urlencode(asked.query)}" if asked.query else asked.path
    return Request(asked.method, target, tuple(headers.items()), asked.body)


def _guid(text: str | None) -> str:
    """Return the id of a request; one of Azure's replaces an id that is no GUID.

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints
    """
    try:
        return str(uuid.UUID(text or ""))
    except ValueError:
        return str(uuid.uuid4())


def _as_azure_takes(answered: Answer, asked: Request) -> Answer:
    """Return an answer, or Azure's refusal of a request that is answered on one machine alone.

    Its server says 400 of a body without the parameter that is declared, and its script fails with
    any other form of what the parameter holds.
    """
    if answered.notice is None or not answered.notice.startswith(_ELSEWHERE):
        return answered
    try:
        named = "input_data" in json.loads(asked.body)
    except (ValueError, TypeError):
        named = False
    return refuse(500 if named else 400, answered.notice, by_model=True)


def _endpoint(cloud: Cloud, call: Call) -> Resource:
    for endpoint in cloud.state.of_type(ONLINE):
        if addresses.inference(endpoint.body["name"], endpoint.body["location"]) == (
            f"https://{call.request.host}"
        ):
            return endpoint
    raise Refusal(404, "NotFound", f"No online endpoint answers at {call.request.host}.")


def _check_sign_in(cloud: Cloud, call: Call, endpoint: Resource) -> None:
    mode = endpoint.properties["authMode"]
    if mode == "Key":
        _, _, key = call.request.headers.get("authorization", "").partition(" ")
        if key not in (endpoint.secrets["primaryKey"], endpoint.secrets["secondaryKey"]):
            raise Refusal(401, "Unauthorized", "The key is not one of this endpoint's.")
    else:
        audiences = addresses.ML_AUDIENCES if mode == "AADToken" else (token_audience(endpoint),)
        people.require_to_score(
            cloud, cloud.tokens.check(call.request, audiences), endpoint.body["id"]
        )


def _place(cloud: Cloud, workspace: str, asset: Any, uri: str) -> Place | None:
    if not asset:
        return None
    found = cloud.state.get(str(asset).removeprefix("azureml:"))
    if found is None:
        raise Refusal(400, "BadArgument", f"Asset {asset} was not found.")
    place = find_place(cloud.state, workspace, found.properties[uri])
    return Place(place.account, place.container, place.path.rstrip("/"))


def _response(answered: Answer, deployment: str | None) -> Response:
    shown = as_azure_shows(answered)
    headers: dict[str, str] = {}
    for name, value in shown.headers:
        if name.lower() == "content-length":
            continue  # of what HEAD leaves out
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if deployment:
        headers[HEADER] = deployment
    return Response(shown.status, shown.body, headers)
