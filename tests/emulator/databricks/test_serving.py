"""Serving endpoints as the unmodified SDK sees them; they really answer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.emulator.databricks.fixtures import sign_in
from tests.emulator.databricks.seed import SeededLake

API = "/api/2.0/serving-endpoints"
BARE = b"signature: {inputs: '[]', outputs: '[]'}\n"
ECHO = """
import pandas as pd
class Echo:
    def predict(self, model_input):
        return (model_input["length"] * 2).tolist()
def _load_pyfunc(path):
    return Echo()
"""
MLMODEL = """
flavors:
  python_function:
    loader_module: echo
    code: code
    data: data
signature:
  inputs: '[{"type": "double", "name": "length", "required": true}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}}]'
"""


def _register(lake: SeededLake, folder: Path, versions: int = 1) -> None:
    """Register versions of a model that has no use but to be there."""
    folder.mkdir(exist_ok=True)
    (folder / "MLmodel").write_bytes(BARE)
    for _ in range(versions):
        lake.register_model("penguins", folder)


def _wait(lake: SeededLake, name: str) -> dict[str, Any]:
    deadline = time.monotonic() + 10
    while True:
        found = lake.do("GET", f"{API}/{name}")
        if found["state"]["config_update"] != "IN_PROGRESS":
            return found
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _body(**changes: Any) -> dict[str, Any]:
    entity = {
        "entity_name": "lake.scoring.penguins",
        "entity_version": "1",
        "workload_size": "Small",
        "scale_to_zero_enabled": True,
    }
    return {"name": "predict-penguin", "config": {"served_entities": [entity | changes]}}


def test_an_endpoint_answers_with_the_model_out_of_the_registry(
    lake: SeededLake, tmp_path: Path
) -> None:
    from databricks.sdk.errors import BadRequest, NotFound

    for name, text in (("MLmodel", MLMODEL), ("code/echo.py", ECHO), ("data/nothing", "")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    version = lake.register_model("penguins", tmp_path)
    model = ("lake.scoring.penguins", version)
    lake.add_online_endpoint("predict-penguin", {"blue": model}, {"blue": 100})
    client = sign_in(lake)
    client.serving_endpoints.wait_get_serving_endpoint_not_updating("predict-penguin")
    answered = client.serving_endpoints.query(
        "predict-penguin", dataframe_records=[{"length": 2.5}, {"length": 4.0}]
    )
    assert answered.predictions == [5.0, 8.0]
    assert answered.served_model_name == "blue"
    with pytest.raises(BadRequest, match="length"):
        client.serving_endpoints.query("predict-penguin", dataframe_records=[{"other": 1}])
    with pytest.raises(NotFound):
        client.serving_endpoints.query("another", dataframe_records=[])
    told = lake.outputs()["endpoints"]["predict-penguin"]
    assert lake.host + "/serving-endpoints/predict-penguin/invocations" == told["scoring_uri"]


def test_an_endpoint_serves_the_old_until_the_new_is_ready(
    lake: SeededLake, tmp_path: Path
) -> None:
    _register(lake, tmp_path / "model", 2)
    created = lake.do("POST", API, _body())
    assert created["state"] == {"ready": "NOT_READY", "config_update": "IN_PROGRESS"}
    status, answered = lake.ask("PUT", f"{API}/predict-penguin/config", _body()["config"])
    assert (status, answered["error_code"]) == (409, "RESOURCE_CONFLICT")
    assert lake.ask("POST", "/serving-endpoints/predict-penguin/invocations", {})[0] == 404
    found = _wait(lake, "predict-penguin")
    assert found["state"] == {"ready": "READY", "config_update": "NOT_UPDATING"}
    assert found["config"]["served_entities"][0]["name"] == "penguins-1"
    lake.databricks.switches.deployment_error = "no memory"
    lake.do("PUT", f"{API}/predict-penguin/config", _body(entity_version="2")["config"])
    found = _wait(lake, "predict-penguin")
    assert found["state"] == {"ready": "READY", "config_update": "UPDATE_FAILED"}
    failed = found["pending_config"]["served_entities"][0]["state"]
    assert failed == {"deployment": "DEPLOYMENT_FAILED", "deployment_state_message": "no memory"}
    lake.databricks.switches.deployment_error = ""
    lake.do("PUT", f"{API}/predict-penguin/config", _body(entity_version="2")["config"])
    found = _wait(lake, "predict-penguin")
    assert found["config"]["served_entities"][0]["entity_version"] == "2"


def test_an_endpoint_may_never_become_ready(lake: SeededLake, tmp_path: Path) -> None:
    _register(lake, tmp_path / "model")
    lake.databricks.switches.never_ready = True
    lake.databricks.switches.seconds_to_start = 0.0
    lake.do("POST", API, _body())
    found = lake.do("GET", f"{API}/predict-penguin")
    assert found["state"] == {"ready": "NOT_READY", "config_update": "IN_PROGRESS"}


def test_endpoints_are_listed_tagged_and_deleted(lake: SeededLake, tmp_path: Path) -> None:
    from databricks.sdk.errors import NotFound, ResourceAlreadyExists
    from databricks.sdk.service.serving import EndpointTag

    _register(lake, tmp_path / "model")
    lake.do("POST", API, _body())
    client = sign_in(lake)
    assert [found.name for found in client.serving_endpoints.list()] == ["predict-penguin"]
    told = client.serving_endpoints.patch(
        "predict-penguin", add_tags=[EndpointTag(key="team", value="birds")]
    )
    assert told.tags is not None
    assert told.tags[0].value == "birds"
    with pytest.raises(ResourceAlreadyExists):
        client.serving_endpoints.create("predict-penguin")
    permission = {"group_name": "users", "permission_level": "CAN_QUERY"}
    number = client.serving_endpoints.get("predict-penguin").id
    lake.do(
        "PUT",
        f"/api/2.0/permissions/serving-endpoints/{number}",
        {"access_control_list": [permission]},
    )
    client.serving_endpoints.delete("predict-penguin")
    with pytest.raises(NotFound):
        client.serving_endpoints.get("predict-penguin")


@pytest.mark.parametrize(
    ("changes", "traffic", "said"),
    [
        ({"entity_name": "lake.scoring.nothing"}, None, "does not exist"),
        ({"entity_version": "7"}, None, "does not exist"),
        ({"workload_size": "Huge"}, None, "workload_size"),
        ({"name": "a b"}, None, "not valid"),
        ({}, {"penguins-1": 90}, "must be 100"),
        ({}, {"another": 100}, "not a served entity"),
    ],
)
def test_an_endpoint_that_cannot_be(
    lake: SeededLake,
    tmp_path: Path,
    changes: dict[str, Any],
    traffic: Mapping[str, int] | None,
    said: str,
) -> None:
    _register(lake, tmp_path / "model")
    body = _body(**changes)
    if traffic is not None:
        routes = [
            {"served_model_name": name, "traffic_percentage": share}
            for name, share in traffic.items()
        ]
        body["config"]["traffic_config"] = {"routes": routes}
    status, answered = lake.ask("POST", API, body)
    assert status in (400, 404)
    assert said in answered["message"]
