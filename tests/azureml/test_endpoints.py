from __future__ import annotations

from pathlib import Path

import pytest

from runner.azureml.endpoints import reference
from runner.errors import NotFound
from tests.azureml.stage import Stage, remove


def test_an_endpoint_is_found_by_its_logical_and_by_its_actual_name(
    stage: Stage, tmp_path: Path
) -> None:
    actual = stage.batch("diabetes-batch", ("mlflow", "script"))
    workspace = stage.workspace(tmp_path)
    found = workspace.endpoint("diabetes-batch")
    assert workspace.endpoint(actual) == found
    assert (found.name, found.kind, found.default) == ("diabetes-batch", "batch", "mlflow")
    assert found.description == "the diabetes-batch endpoint"
    assert found.scoring_uri is not None
    assert found.scoring_uri.startswith(f"https://{actual}.")
    assert [
        (deployment.name, deployment.default, deployment.model) for deployment in found.deployments
    ] == [
        ("mlflow", True, "azureml:diabetes:1"),
        ("script", False, "azureml:diabetes:1"),
    ]


def test_an_online_endpoint_shows_its_traffic(stage: Stage, tmp_path: Path) -> None:
    stage.online("diabetes-online", {"blue": 90, "green": 10})
    found = stage.workspace(tmp_path).endpoint("diabetes-online")
    assert found.kind == "online"
    assert {deployment.name: deployment.traffic for deployment in found.deployments} == {
        "blue": 90,
        "green": 10,
    }
    assert {deployment.model for deployment in found.deployments} == {"azureml:diabetes:1"}


def test_all_endpoints_are_listed_by_the_names_people_type(stage: Stage, tmp_path: Path) -> None:
    stage.batch("aa-batch")
    stage.online("zz-online")
    listed = [endpoint.name for endpoint in stage.workspace(tmp_path).endpoints()]
    assert {"aa-batch", "zz-online"} <= set(listed)
    assert listed == sorted(listed)


def test_an_unknown_endpoint_names_the_nearest(stage: Stage, tmp_path: Path) -> None:
    stage.batch("nearest-batch")
    with pytest.raises(NotFound, match=r"no endpoint 'nearest-bat'; did you mean 'nearest-batch'"):
        stage.workspace(tmp_path).endpoint("nearest-bat")


def test_an_endpoint_of_the_stack_that_is_gone_is_not_found(stage: Stage, tmp_path: Path) -> None:
    actual = stage.batch("gone-batch", (), default=None)
    remove(stage.emulator, f"{stage.workspace_id}/batchEndpoints/{actual}")
    with pytest.raises(NotFound, match="no endpoint 'gone-batch'"):
        stage.workspace(tmp_path).endpoint("gone-batch")


def test_the_stack_file_names_the_default_endpoint(stage: Stage, tmp_path: Path) -> None:
    stage.batch("one-batch")
    workspace = stage.workspace(tmp_path)
    assert workspace.default_endpoint() == "one-batch"
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  scoring:defaultEndpoint: other-batch\n")
    assert workspace.default_endpoint() == "other-batch"


def test_of_two_batch_endpoints_none_is_the_default(stage: Stage, tmp_path: Path) -> None:
    stage.batch("one-batch")
    stage.batch("two-batch")
    assert stage.workspace(tmp_path).default_endpoint() is None


@pytest.mark.parametrize(
    ("asset", "expected"),
    [
        ("/subscriptions/s/x/workspaces/w/models/diabetes/versions/3", "azureml:diabetes:3"),
        (
            "azureml://registries/r/models/m/versions/1",
            "azureml://registries/r/models/m/versions/1",
        ),
        ("https://elsewhere/model", "https://elsewhere/model"),
        (None, None),
    ],
)
def test_an_assets_id_becomes_a_reference(asset: str | None, expected: str | None) -> None:
    assert reference(asset) == expected
