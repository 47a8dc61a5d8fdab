"""The checks of a stack's pins and isolation against the workspace that is there."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from infra.dynamic.resource_manager import Resource, ResourceManagerError
from tests.infra.mocks import Program, run_program

MODEL, CODE = "models/diabetes-mlflow", "codes/diabetes-batch-script"
ALL = {f"{MODEL}/versions/1", f"{MODEL}/versions/2", f"{CODE}/versions/1"}


@dataclass
class Workspace:
    """A workspace with these assets and resources, below it, and this isolation."""

    there: set[str] | None = field(default_factory=lambda: {*ALL})  # None: no workspace
    isolation: str = "Disabled"
    refusal: str = ""
    autoscaled: str = ""  # the end of the id of a deployment
    no_longer: str = "/off"  # of one whose autoscaling is turned off
    setting: str = "by-hand"  # the name of what scales it

    def get(self, resource_id: str, api_version: str = "") -> Resource | None:
        if self.refusal:
            raise ResourceManagerError(self.refusal)
        if resource_id.endswith("/providers/Microsoft.Insights/autoscaleSettings"):
            assert api_version
            targets = [(self.autoscaled, True), ("/somewhere/else", True), (self.no_longer, False)]
            settings = [{"targetResourceUri": uri, "enabled": on} for uri, on in targets]
            by_hand = [{"name": self.setting, "properties": setting} for setting in settings]
            return Resource({"value": by_hand}, None)
        below = resource_id.partition("/workspaces/")[2].partition("/")[2]
        if self.there is None:
            return None
        if not below:
            network = {"isolationMode": self.isolation}
            return Resource({"properties": {"managedNetwork": network}}, None)
        if below in self.there:
            return Resource({}, None)
        listed = [place.rpartition("/") for place in sorted(self.there)]
        names = [{"name": name} for kind, _, name in listed if kind == below]
        return Resource({"value": names}, None) if names else None


def ran(project: Path, workspace: Workspace, **config: str) -> Program:
    keys = {key.replace("_", ":"): value for key, value in config.items()}
    return run_program(project, "dev", manager=workspace, config=keys)


def problems(project: Path, workspace: Workspace, **config: str) -> list[str]:
    error = ran(project, workspace, **config).error
    return error.splitlines()[1:] if error else []


def test_a_stack_whose_pins_are_there_is_declared(project: Path) -> None:
    assert problems(project, Workspace()) == []


def test_a_pin_that_is_not_there_is_refused_where_it_stands(project: Path) -> None:
    found = problems(project, Workspace({*ALL} - {f"{MODEL}/versions/1", f"{CODE}/versions/1"}))
    model, code = sorted(found, key=lambda line: "code" in line)
    assert ".deployments.blue.model: is pinned to diabetes-mlflow:1, which workspace" in model
    assert "it has 2; register another with `runner models register … --env dev --pin`" in model
    assert model.startswith("Pulumi.dev.yaml:2")
    assert "script.code_configuration.code: is pinned to diabetes-batch-script:1" in code
    assert "it has no version of it" in code


def test_nothing_can_be_pinned_where_there_is_no_workspace_yet(project: Path) -> None:
    found = problems(project, Workspace(None))
    assert len(found) == 5
    assert all("there is no workspace yet that could have it" in line for line in found)


def test_what_can_not_be_read_is_said_and_not_checked(project: Path) -> None:
    program = ran(project, Workspace(refusal="AuthorizationFailed: no"))
    assert program.error is None
    (told,) = [message for level, message in program.logs if level == "warning"]
    assert told.startswith("could not look into the workspace")
    assert told.endswith("AuthorizationFailed: no")


def test_the_instances_of_a_deployment_that_azure_scales_are_not_taken_back(project: Path) -> None:
    program = ran(project, Workspace())
    blue, green = program.of("machinelearningservices:OnlineDeployment")
    assert "sku.capacity" not in (*blue.ignore_changes, *green.ignore_changes)
    program = ran(
        project,
        Workspace(
            autoscaled=blue.id.replace("onlineEndpoints", "OnlineEndpoints"), no_longer=green.id
        ),
    )
    blue, green = program.of("machinelearningservices:OnlineDeployment")
    assert "sku.capacity" in blue.ignore_changes
    assert "sku.capacity" not in green.ignore_changes

    # A setting of the stack's own goes with its declaration, and so does what it counts.
    own = "scoring-dev-diabetes-online-blue-autoscale"
    program = ran(project, Workspace(autoscaled=blue.id, setting=own))
    for deployment in program.of("machinelearningservices:OnlineDeployment"):
        assert "sku.capacity" not in deployment.ignore_changes


@pytest.mark.parametrize(
    ("now", "asked", "inside", "says"),
    [
        ("Disabled", "allow_internet_outbound", set(), ""),
        (
            "Disabled",
            "allow_internet_outbound",
            {"computes/cpu-cluster", "onlineEndpoints/live"},
            "there already: computes/cpu-cluster, onlineEndpoints/live; allowed: none",
        ),
        (
            "AllowOnlyApprovedOutbound",
            "allow_internet_outbound",
            set(),
            "Azure never goes there from managed, allowed: managed",
        ),
        (
            "AllowInternetOutbound",
            "none",
            set(),
            "from allow_internet_outbound, allowed: allow_internet_outbound, managed",
        ),
        ("AllowInternetOutbound", "allow_internet_outbound", {"computes/cpu-cluster"}, ""),
    ],
)
def test_an_isolation_that_azure_does_not_change_to_is_refused(
    project: Path, now: str, asked: str, inside: set[str], says: str
) -> None:
    workspace = Workspace({*ALL, *inside}, now)
    found = problems(project, workspace, scoring_isolation=asked)
    assert len(found) == bool(says)
    assert says in "".join(found)
    assert all("scoring:isolation: found" in line for line in found)


def test_data_that_a_collector_writes_to_is_looked_up_as_a_model_is(project: Path) -> None:
    collector = {"collections": {"model_inputs": {"enabled": "true", "data": "azureml:in:7"}}}
    blue = {"model": "azureml:diabetes-mlflow:1", "data_collector": collector}
    endpoints = {"diabetes-online": {"deployments": {"blue": blue}}}
    (line,) = problems(project, Workspace(), scoring_endpoints=json.dumps(endpoints))
    where = "diabetes-online.deployments.blue.data_collector.collections.model_inputs.data"
    assert f"{where}: is pinned to in:7, which workspace" in line
    assert "`runner data register … --env dev`" in line
