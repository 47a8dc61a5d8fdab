"""Each link of the chain to a workspace, broken one by one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from runner.databricks.health import examine
from runner.databricks.outputs import outputs_of
from runner.errors import EnvironmentRefused
from runner.health import Link
from runner.stack_output import checked_output
from tests.emulator.databricks.seed import SeededLake
from tests.emulator.faults import Answer

BATCH = {"kind": "batch", "name": "nightly", "deployments": ["m"], "default": "m"}


def links(lake: SeededLake) -> dict[str, Link]:
    found = examine(
        "outputs", Path("o.json"), lambda: outputs_of(checked_output(lake.outputs(), "o.json"))
    )
    return {link.name: link for link in found}


@pytest.fixture
def whole(lake: SeededLake) -> SeededLake:
    """A workspace with the wheel that its jobs run."""
    lake.put_file("wheels/batch_scoring_runner-0.1.0-py3-none-any.whl", b"")
    return lake


def test_a_workspace_with_all_it_needs_has_no_broken_link(
    whole: SeededLake, tmp_path: Path
) -> None:
    (tmp_path / "MLmodel").write_text("signature: {inputs: '[]', outputs: '[]'}\n")
    version = whole.register_model("penguins", tmp_path)
    whole.databricks.switches.seconds_to_start = 0.0
    whole.add_online_endpoint(
        "predict", {"blue": ("lake.scoring.penguins", version)}, {"blue": 100}
    )
    whole.add_batch_deployment("nightly", "m", f"models:/lake.scoring.penguins/{version}")
    found = links(whole)
    assert {link.state for link in found.values() if link.name != "pulumi"} == {"ok"}
    assert found["endpoint predict"].text == "predict is ready, blue 100 %"
    assert found["endpoint nightly"].text == "nightly, default m"
    assert found["deployment nightly/m"].text.endswith(", nightly-m")
    left = [entry.name for entry in whole.local(whole.volume).iterdir()]
    assert left == ["wheels"]


def test_behind_a_broken_link_the_rest_is_skipped(lake: SeededLake) -> None:
    def refuse() -> None:
        raise EnvironmentRefused("no stack")

    broken = list(examine("outputs", Path("o.json"), refuse))  # type: ignore[arg-type]
    assert [(link.name, link.state) for link in broken][:3] == [
        ("pulumi", "skipped"),
        ("outputs", "failed"),
        ("sign-in", "skipped"),
    ]
    lake.emulator.faults.inject(Answer(403, "403", "User not authorized."), path="*/Me", times=9)
    found = links(lake)
    assert "has to be a user of the workspace" in found["workspace"].text
    assert found["volume"].state == "skipped"


def test_a_cluster_that_could_not_start_says_why(whole: SeededLake) -> None:
    whole.databricks.switches.quota_exceeded = True
    for action in ("delete", "start"):
        whole.do("POST", f"/api/2.1/clusters/{action}", {"cluster_id": whole.cluster_id})
        time.sleep(0.2)
    link = links(whole)["cluster training"]
    assert link.state == "failed"
    assert link.text.startswith("training is TERMINATED (")
    assert "QUOTA" in link.text


def test_endpoints_that_can_not_work_say_what_to_do(whole: SeededLake) -> None:
    whole.endpoints |= {
        "no-default": {**BATCH, "default": None, "jobs": {"m": {"job_id": 1}}},
        "empty": {**BATCH, "default": None, "deployments": [], "jobs": {}},
        "gone": {"kind": "online", "name": "gone", "deployments": ["blue"]},
        "waiting": {"kind": "online", "name": "waiting", "deployments": []},
    }
    found = links(whole)
    assert "defaults: {deployment_name: ...}" in found["endpoint no-default"].text
    assert "--pin`, then run `pulumi up`" in found["endpoint empty"].text
    assert found["endpoint gone"].text.endswith("run `pulumi up`")
    assert "--pin --deployment waiting/DEPLOYMENT`" in found["endpoint waiting"].text
    assert found["deployment no-default/m"].state == "failed"
