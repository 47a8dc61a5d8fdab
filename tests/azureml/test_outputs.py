from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.azureml.outputs import Outputs, outputs_of, read_config
from runner.errors import EnvironmentRefused, WrongUsage
from runner.stacks.output import check_output, read_output_file

OUTPUT: dict[str, Any] = {
    "schema_version": 1,
    "subscription_id": "s",
    "resource_group": "rg",
    "workspace": "ws",
    "location": "koreacentral",
    "cloud": "AzureUSGovernment",
    "tracking_uri": "azureml://koreacentral.api.azureml.ms/mlflow/v1.0",
    "clusters": {},
    "endpoints": {
        "b": {"kind": "batch", "name": "b-1", "deployments": ["m"], "default": "m"},
        "o": {"kind": "online", "name": "o-1", "deployments": ["x"], "traffic": {"x": 100}},
    },
}


def write(folder: Path, content: object, name: str = "outputs.json") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def read_outputs(file: Path) -> Outputs:
    return outputs_of(read_output_file(file))


def with_endpoint(**odd: object) -> dict[str, Any]:
    return {**OUTPUT, "endpoints": {"b": {"kind": "batch", "name": "b-1", **odd}}}


@pytest.mark.parametrize("content", [OUTPUT, {"other": 1, "runner": OUTPUT}])
def test_a_file_holds_the_output_or_all_outputs(tmp_path: Path, content: object) -> None:
    outputs = read_outputs(write(tmp_path, content))
    assert (outputs.workspace, outputs.cloud) == ("ws", "AzureUSGovernment")
    assert outputs.endpoints is not None
    assert outputs.endpoints["b"].default == "m"
    assert outputs.endpoints["o"].traffic == {"x": 100}
    assert outputs.resource_id.endswith("/Microsoft.MachineLearningServices/workspaces/ws")


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps(OUTPUT), encoding="utf-8-sig")
    assert read_outputs(file).workspace == "ws"


def test_a_newer_schema_says_to_upgrade() -> None:
    with pytest.raises(EnvironmentRefused, match=r"schema_version 2 .* upgrade the runner"):
        check_output({**OUTPUT, "schema_version": 2, "workspace": {"name": "ws"}}, "stack dev")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "is not JSON"),
        ([], "no output `runner`"),
        ({"url": "x"}, "no output `runner`"),
        ({"runner": None}, "no output `runner`"),
        ({**OUTPUT, "schema_version": "1"}, "schema_version is '1'"),
        ({**OUTPUT, "workspace": ""}, "workspace is ''"),
        ({**OUTPUT, "endpoints": ["b"]}, "endpoints is not an object"),
        ({**OUTPUT, "endpoints": {"b": {"kind": "stream"}}}, "kind is 'stream'"),
        ({**OUTPUT, "tracking_uri": 5}, "tracking_uri is 5"),
        (with_endpoint(deployments="m"), "deployments is 'm'"),
        (with_endpoint(deployments=[1]), r"deployments is \[1\]"),
        (with_endpoint(default=1), "default is 1"),
        (with_endpoint(traffic=[1]), "traffic is not an object"),
    ],
)
def test_what_is_no_output_is_refused_in_one_line(
    tmp_path: Path, content: object, problem: str
) -> None:
    with pytest.raises(WrongUsage, match=problem) as refused:
        read_outputs(write(tmp_path, content))
    assert str(tmp_path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match=r"none\.json: No such file"):
        read_outputs(tmp_path / "none.json")


@pytest.mark.parametrize(
    "content",
    [
        {"subscription_id": "s", "resource_group": "rg", "workspace_name": "ws"},
        {
            "Scope": "/subscriptions/s/resourceGroups/rg/providers"
            "/Microsoft.MachineLearningServices/workspaces/ws"
        },
    ],
)
def test_a_config_names_a_workspace(
    tmp_path: Path, content: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZUREML_CURRENT_CLOUD", "AzureChinaCloud")
    outputs = read_config(write(tmp_path, content, "config.json"))
    assert (outputs.subscription_id, outputs.resource_group) == ("s", "rg")
    assert (outputs.workspace, outputs.cloud) == ("ws", "AzureChinaCloud")
    assert outputs.endpoints is None


def test_a_config_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="lacks subscription_id, resource_group or workspace_name"):
        read_config(write(tmp_path, {"debug": True}, "config.json"))
