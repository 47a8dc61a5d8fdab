from __future__ import annotations

from typing import Any

import pytest

from runner.databricks.outputs import BatchJob, outputs_of
from runner.errors import WrongUsage
from runner.stacks.output import check_output

OUTPUT: dict[str, Any] = {
    "schema_version": 1,
    "platform": "databricks",
    "stack": "lake",
    "subscription_id": "s",
    "resource_group": "rg",
    "workspace": "ws",
    "location": "koreacentral",
    "resource_id": "/subscriptions/s/resourceGroups/rg/providers/x/workspaces/ws",
    "host": "https://adb-1.2.azuredatabricks.net/",
    "workspace_id": "1",
    "catalog": "lake",
    "schema": "scoring",
    "volume": "/Volumes/lake/scoring/files/",
    "experiments": "/Shared/batch-scoring-lake",
    "wheel": "/Volumes/lake/scoring/files/wheels/w.whl",
    "clusters": {"training": {"cluster_id": "1-2-3"}},
    "endpoints": {
        "b": {
            "kind": "batch",
            "name": "b",
            "deployments": ["m"],
            "default": "m",
            "jobs": {"m": {"job_id": 123, "model": "models:/lake.scoring.p/2"}},
        },
        "o": {"kind": "online", "name": "o-1", "deployments": ["x"], "traffic": {"x": 100}},
    },
}


def read(**changes: object) -> Any:
    return outputs_of(check_output({**OUTPUT, **changes}, "stack lake"))


def test_an_output_says_where_the_workspace_is_and_what_is_deployed_there() -> None:
    outputs = read()
    assert outputs.host == "https://adb-1.2.azuredatabricks.net"
    assert outputs.volume == "/Volumes/lake/scoring/files"
    assert outputs.model_name("penguins") == "lake.scoring.penguins"
    assert outputs.clusters == {"training": "1-2-3"}
    assert outputs.endpoints["b"].jobs == {"m": BatchJob(123, "models:/lake.scoring.p/2")}
    assert outputs.endpoints["o"].traffic == {"x": 100}


def test_the_number_of_a_job_may_be_text_as_pulumi_has_it() -> None:
    endpoint = {**OUTPUT["endpoints"]["b"], "jobs": {"m": {"job_id": "456"}}}
    assert read(endpoints={"b": endpoint}).endpoints["b"].jobs["m"].job_id == 456


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"host": "adb-1.2.azuredatabricks.net"}, "host is 'adb-1.2.azuredatabricks.net'"),
        ({"volume": "/Volumes/lake/scoring"}, "volume is '/Volumes/lake/scoring'"),
        ({"catalog": ""}, "catalog is ''"),
        ({"clusters": {"training": "1-2-3"}}, "cluster training is not an object"),
        ({"clusters": {"training": {}}}, "cluster_id is None"),
        ({"endpoints": {"b": {"kind": "stream"}}}, "an endpoint's kind is 'stream'"),
        (
            {"endpoints": {"b": {"kind": "batch", "name": "b", "jobs": {"m": {"job_id": "x"}}}}},
            "job_id is 'x'",
        ),
    ],
)
def test_a_value_that_can_not_be_is_named(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(WrongUsage, match=f"stack lake: {problem}"):
        read(**changes)
