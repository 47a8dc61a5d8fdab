"""No edit of a stack file takes from callers what answers them, unless the file says so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.dynamic.resource_manager import Resource
from infra.names import Names
from tests.infra.declaring import (
    PIN,
    batch_deployment,
    batch_endpoint,
    declare,
    online_deployment,
    online_endpoint,
)
from tests.infra.mocks import SUBSCRIPTION, Program

NAMES = Names("scoring", "dev", SUBSCRIPTION)
LIVE, NIGHTLY = NAMES.endpoint("live"), NAMES.endpoint("nightly")
KEEP = "or, if that is meant, write `scoring:mayStopAnswering: "
ONLINE = (online_endpoint(traffic={"blue": 100}), online_deployment())
BATCH = (batch_endpoint(defaults={"deployment_name": "first"}), batch_deployment())
PINNED = {"deployments": {"blue": {"model": PIN}}}


class Workspace:
    """A workspace whose endpoints answer: `live` by blue with a key, `nightly` by first."""

    def __init__(self, **tags: str) -> None:
        ours = {"project": "scoring", "environment": "dev", **tags}
        online = {"authMode": "Key", "publicNetworkAccess": "Enabled", "traffic": {"blue": 100}}
        batch = {"authMode": "AADToken", "defaults": {"deploymentName": "first"}}
        self.listed: dict[str, list[dict[str, Any]]] = {
            "onlineEndpoints": [{"name": LIVE, "tags": ours, "properties": online}],
            "batchEndpoints": [{"name": NIGHTLY, "tags": ours, "properties": batch}],
            "computes": [{"name": "small"}],
        }

    def get(self, resource_id: str, api_version: str = "") -> Resource | None:
        below = resource_id.partition("/workspaces/")[2].partition("/")[2]
        if below.endswith("?more"):
            return Resource({"value": self.listed[below.removesuffix("?more")]}, None)
        if below in self.listed:  # on its second page, as Azure may have it
            return Resource({"value": [], "nextLink": f"{resource_id}?more"}, None)
        return Resource({"properties": {}, "value": []}, None)


def told(root: Path, *declarations: str, **more: Any) -> list[str]:
    """Return what a preview refuses, line by line."""
    error = previewed(root, *declarations, **more).error
    return error.splitlines()[1:] if error else []


def previewed(
    root: Path,
    *declarations: str,
    online: Mapping[str, Any] = PINNED,
    workspace: Workspace | None = None,
    may_stop: list[str] | None = None,
) -> Program:
    return declare(
        root,
        *declarations,
        endpoints={
            **(
                {"live": dict(online)} if any("name: live" in text for text in declarations) else {}
            ),
            **(
                {"nightly": {"deployments": {"first": {"model": PIN}}}}
                if any("name: nightly" in text for text in declarations)
                else {}
            ),
        },
        manager=workspace or Workspace(),
        more={} if may_stop is None else {"scoring:mayStopAnswering": may_stop},
    )


def test_what_goes_on_answering_is_declared(tmp_path: Path) -> None:
    assert told(tmp_path, *ONLINE, *BATCH) == []


@pytest.mark.parametrize("traffic", [{}, {"blue": 0}])
def test_an_endpoint_keeps_its_traffic(tmp_path: Path, traffic: dict[str, int]) -> None:
    (line,) = told(tmp_path, *ONLINE, *BATCH, online={**PINNED, "traffic": traffic})
    assert line.startswith("Pulumi.dev.yaml:")
    assert f"endpoints.live.traffic: {LIVE} would answer nobody, and today blue answers 100 %" in (
        line
    )
    assert f"give a deployment that is pinned its traffic, {KEEP}[live]`" in line


def test_an_endpoint_whose_pins_are_taken_out_keeps_its_traffic(tmp_path: Path) -> None:
    lines = told(tmp_path, *ONLINE, *BATCH, online={"deployments": {}})
    assert [f"{LIVE} would answer nobody" in line for line in lines] == [True]


def test_a_batch_endpoint_keeps_its_default(tmp_path: Path) -> None:
    (line,) = told(tmp_path, *ONLINE, batch_endpoint(), BATCH[1])
    assert f"defaults: {NIGHTLY} would answer nobody, and today first is the default" in line
    assert f"{KEEP}[nightly]`" in line


def test_an_endpoint_that_answers_is_not_left_out(tmp_path: Path) -> None:
    (line,) = told(tmp_path, *BATCH)
    assert f"scoring:models: the endpoint {LIVE} would be deleted, and blue answers 100 %" in line
    assert f"declare it again, {KEEP}[live]`" in line


def test_what_is_of_others_or_may_stop_is_nobodys_business(tmp_path: Path) -> None:
    assert told(tmp_path, *BATCH, may_stop=["live"]) == []
    assert told(tmp_path, *BATCH, may_stop=[LIVE]) == []
    assert told(tmp_path, *BATCH, workspace=Workspace(environment="prod")) == []


def test_a_consent_that_nothing_needs_is_told(tmp_path: Path) -> None:
    needed = previewed(tmp_path, *BATCH, may_stop=["live"])
    needless = previewed(tmp_path, *ONLINE, *BATCH, may_stop=["live"])
    text = "nothing stops live from answering: take it out of scoring:mayStopAnswering"
    assert [("warning", text) in program.logs for program in (needed, needless)] == [False, True]


def test_callers_are_not_locked_out(tmp_path: Path) -> None:
    changed = {**PINNED, "auth_mode": "aad_token", "public_network_access": "disabled"}
    mode, access = told(tmp_path, *ONLINE, *BATCH, online=changed)
    assert f"auth_mode: found 'aad_token', and whoever calls {LIVE} signs in by 'key'" in mode
    assert f"public_network_access: {LIVE} would answer in private networks alone" in access
    for line in (mode, access):
        assert "declare another endpoint beside it and let" in line
        assert f"{KEEP}[live]`" in line
    assert told(tmp_path, *ONLINE, *BATCH, online=changed, may_stop=["live"]) == []


def test_names_that_differ_in_capitals_alone_are_one_to_azure(tmp_path: Path) -> None:
    workspace = Workspace()
    workspace.listed["computes"] = [{"name": "Small"}]
    workspace.listed["onlineEndpoints"][0]["properties"]["traffic"] = {"Blue": 100}
    lines = told(tmp_path, *ONLINE, *BATCH, workspace=workspace)
    (deployment,) = (line for line in lines if "found 'blue', which is 'Blue' to Azure" in line)
    assert deployment.startswith("models/m/1.yml:")
    (cluster,) = (line for line in lines if line != deployment)
    assert "scoring:clusters.small: is 'Small' to Azure, which tells no capitals apart" in cluster
