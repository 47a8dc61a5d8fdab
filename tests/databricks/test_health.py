"""Each link of the chain to a workspace, broken one by one."""

from __future__ import annotations

import time
from pathlib import Path

from runner.databricks.health import examine
from runner.databricks.outputs import Outputs, outputs_of
from runner.errors import EnvironmentRefused
from runner.health import Link
from runner.stacks.output import check_output
from tests.emulator.databricks.seed import SeededLake
from tests.emulator.faults import Answer

BATCH = {"kind": "batch", "name": "nightly", "deployments": ["m"], "default": "m"}


def links(lake: SeededLake) -> dict[str, Link]:
    found = examine(
        "outputs", Path("o.json"), lambda: outputs_of(check_output(lake.outputs(), "o.json"))
    )
    return {link.name: link for link in found}


def test_a_workspace_with_all_it_needs_has_no_broken_link(lake: SeededLake, tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text("signature: {inputs: '[]', outputs: '[]'}\n")
    version = lake.register_model("penguins", tmp_path)
    lake.databricks.switches.seconds_to_start = 0.0
    lake.add_online_endpoint("predict", {"blue": ("lake.scoring.penguins", version)}, {"blue": 100})
    lake.add_batch_deployment("nightly", "m", f"models:/lake.scoring.penguins/{version}")
    found = links(lake)
    assert {link.state for link in found.values() if link.name != "pulumi"} == {"ok"}
    assert found["endpoint predict"].text == "predict is ready, blue 100 %"
    assert found["endpoint nightly"].text == "nightly, default m"
    assert found["deployment nightly/m"].text.endswith(", nightly-m")
    assert list(lake.local(lake.volume).iterdir()) == []


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


def test_a_stack_in_which_nothing_is_pinned_yet_lacks_nothing_but_that(lake: SeededLake) -> None:
    (missing,) = (link for link in links(lake).values() if link.state == "failed")
    assert missing.name == "endpoints"
    assert missing.text.startswith("nothing is deployed yet: register and pin a model with `runner")


def test_jobs_that_run_another_version_of_the_runner_are_told(lake: SeededLake) -> None:
    found = examine("outputs", Path("o.json"), lambda: of_another_version(lake))
    volume = next(link for link in found if link.name == "volume")
    assert volume.state == "failed"
    assert "run batch_scoring_runner-9.9-py3-none-any.whl and this runner is" in volume.text


def of_another_version(lake: SeededLake) -> Outputs:
    """Return the output of a stack that a later runner deployed."""
    wheel = f"{lake.volume}/wheels/batch_scoring_runner-9.9-py3-none-any.whl"
    return outputs_of(check_output({**lake.outputs(), "wheel": wheel}, "o.json"))


def test_a_cluster_that_could_not_start_says_why(lake: SeededLake) -> None:
    lake.databricks.switches.quota_exceeded = True
    for action in ("delete", "start"):
        lake.do("POST", f"/api/2.1/clusters/{action}", {"cluster_id": lake.cluster_id})
        time.sleep(0.2)
    link = links(lake)["cluster training"]
    assert link.state == "failed"
    assert link.text.startswith("training is TERMINATED (")
    assert "QUOTA" in link.text


def test_endpoints_that_can_not_work_say_what_to_do(lake: SeededLake) -> None:
    lake.endpoints |= {
        "no-default": {**BATCH, "default": None, "jobs": {"m": {"job_id": 1}}},
        "empty": {**BATCH, "default": None, "deployments": [], "jobs": {}},
        "gone": {"kind": "online", "name": "gone", "deployments": ["blue"]},
        "waiting": {"kind": "online", "name": "waiting", "deployments": []},
    }
    found = links(lake)
    assert "defaults: {deployment_name: ...}" in found["endpoint no-default"].text
    assert "--pin`, then run `pulumi up --stack lake`" in found["endpoint empty"].text
    assert found["endpoint gone"].text.endswith("run `pulumi up --stack lake`")
    assert "--pin --deployment waiting/DEPLOYMENT`" in found["endpoint waiting"].text
    assert found["deployment no-default/m"].state == "failed"
