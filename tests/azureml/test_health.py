from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runner.azureml.health import examine
from runner.health import Link
from tests.azureml.stage import Stage, remove
from tests.emulator.faults import Answer, forbidden, private_link


def links(stage: Stage, folder: Path) -> dict[str, Link]:
    """Return all links but that of the storage, which needs blobs: test_storage has it."""
    stage.emulator.faults.inject(forbidden(), path="*/datastores", times=None)
    found = examine("outputs", folder / "outputs.json", stage.outputs)
    return {link.name: link for link in found}


def test_a_sound_chain_is_ok_link_by_link(stage: Stage, tmp_path: Path) -> None:
    stage.batch("diabetes-batch")
    stage.online("diabetes-online", {"green": 10, "blue": 90})
    found = links(stage, tmp_path)
    assert list(found) == [
        "pulumi",
        "outputs",
        "sign-in",
        "workspace",
        "data plane",
        "storage",
        "endpoint diabetes-batch",
        "deployment diabetes-batch/mlflow",
        "endpoint diabetes-online",
        "deployment diabetes-online/blue",
        "deployment diabetes-online/green",
    ]
    states = {name: link.state for name, link in found.items()}
    assert (states.pop("pulumi"), states.pop("storage")) == ("skipped", "failed")
    assert set(states.values()) == {"ok"}
    assert "blue 90 %, green 10 %" in found["endpoint diabetes-online"].text


def test_a_share_of_nothing_is_no_traffic(stage: Stage, tmp_path: Path) -> None:
    stage.online("diabetes-online", {"green": 0, "blue": 100})
    told = links(stage, tmp_path)["endpoint diabetes-online"].text
    assert told.endswith("blue 100 %")


def test_who_cannot_sign_in_gets_no_further(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "wrong")
    found = links(stage, tmp_path)
    assert found["sign-in"].state == "failed"
    assert [found[name].state for name in ("workspace", "data plane", "storage")] == ["skipped"] * 3


def test_a_workspace_that_is_gone_is_told_with_its_place(stage: Stage, tmp_path: Path) -> None:
    stage.group = "/resourceGroups/nowhere"
    text = links(stage, tmp_path)["workspace"].text
    assert "no workspace 'scoring' in resource group 'nowhere'" in text
    assert "the test names" in text


def test_without_a_right_to_the_workspace_the_role_is_named(stage: Stage, tmp_path: Path) -> None:
    stage.emulator.faults.inject(forbidden(), path="*/workspaces/scoring")
    link = links(stage, tmp_path)["workspace"]
    assert link.state == "failed"
    assert "AzureML Data Scientist" in link.text


@pytest.mark.parametrize(("stack", "environment"), [("dev", "dev"), (None, "ENV")])
def test_an_endpoint_without_deployments_waits_for_a_pin(
    stage: Stage, tmp_path: Path, stack: str | None, environment: str
) -> None:
    stage.batch("diabetes-batch", (), default=None)
    stage.online("diabetes-online", {})
    outputs = replace(stage.outputs(), stack=stack)
    stage.emulator.faults.inject(forbidden(), path="*/datastores", times=None)
    found = {link.name: link for link in examine("outputs", tmp_path / "o.json", lambda: outputs)}
    batch, online = found["endpoint diabetes-batch"], found["endpoint diabetes-online"]
    assert (batch.state, online.state) == ("failed", "failed")
    command = f"`runner models register --env {environment} --pin"
    assert f"{command}`, then run `pulumi up --stack {environment}`" in batch.text
    assert f"{command} --deployment diabetes-online/DEPLOYMENT`, then" in online.text


def test_an_endpoint_without_a_default_says_what_could_be_it(stage: Stage, tmp_path: Path) -> None:
    stage.batch("diabetes-batch", ("mlflow", "script"), default=None)
    assert "one of mlflow, script" in links(stage, tmp_path)["endpoint diabetes-batch"].text


def test_an_endpoint_that_is_gone_says_to_deploy(stage: Stage, tmp_path: Path) -> None:
    actual = stage.batch("diabetes-batch", (), default=None)
    remove(stage.emulator, f"{stage.workspace_id}/batchEndpoints/{actual}")
    assert "run `pulumi up --stack ENV`" in links(stage, tmp_path)["endpoint diabetes-batch"].text


def test_a_workspace_behind_a_private_link_is_told_from_a_missing_role(
    stage: Stage, tmp_path: Path
) -> None:
    stage.emulator.faults.inject(private_link(), path="/history/*", times=None)
    found = links(stage, tmp_path)
    assert (found["workspace"].state, found["data plane"].state) == ("ok", "failed")
    assert "behind a private link" in found["data plane"].text
    assert "az login" not in found["data plane"].text


def test_a_workspace_that_answers_anything_else_is_in_reach(stage: Stage, tmp_path: Path) -> None:
    stage.emulator.faults.inject(Answer(400, "UserError", "No such run."), path="/history/*")
    assert links(stage, tmp_path)["data plane"].state == "ok"
