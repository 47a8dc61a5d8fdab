"""What the command line relies on, held against every environment's workspace.

They are the workspace in memory, the local one and those of Azure over their stand-in. The tests of
the commands run over the workspace in memory; what it does that a real one does not would be tested
in vain.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runner.databricks.outputs import outputs_of
from runner.databricks.workspace import DatabricksWorkspace
from runner.environments import PLATFORMS
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.local.workspace import LocalWorkspace
from runner.project import Project
from runner.stacks.output import checked_output
from runner.workspace import Asset, AssetKind, Invocation, Registration, Serving, Workspace
from tests.azureml.stage import Stage, make_workspace
from tests.cli.memory import MemoryWorkspace
from tests.emulator import Emulator
from tests.emulator.databricks.seed import SeededLake
from tests.projects import ScratchProject, add_diabetes


def in_memory(_request: pytest.FixtureRequest, _root: Path) -> Workspace:
    return MemoryWorkspace()


def local(_request: pytest.FixtureRequest, root: Path) -> Workspace:
    return LocalWorkspace(Project(root, root / "models", root / ".runner"))


def azureml(request: pytest.FixtureRequest, root: Path) -> Workspace:
    cloud: Emulator = request.getfixturevalue("scoring_emulator")
    patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    for name, value in cloud.environment.items():
        patch.setenv(name, value)
    stage = Stage(cloud, make_workspace(cloud))
    stage.batch("diabetes-batch", ("mlflow", "script"), default="mlflow")
    stage.online("diabetes-online")
    return stage.workspace(root)


def databricks(request: pytest.FixtureRequest, root: Path) -> Workspace:
    lake: SeededLake = request.getfixturevalue("lake")
    lake.endpoints["diabetes-batch"] = {
        "kind": "batch",
        "name": "diabetes-batch",
        "deployments": ["mlflow", "script"],
        "default": "mlflow",
        "jobs": {"mlflow": {"job_id": 1}, "script": {"job_id": 2}},
    }
    lake.endpoints["diabetes-online"] = {"kind": "online", "name": "diabetes-online"}
    outputs = outputs_of(checked_output(lake.outputs(), "stack lake"))
    return DatabricksWorkspace(Project(root, root / "models", root / ".runner"), "lake", outputs)


WORKSPACES = {"memory": in_memory, "local": local, "azureml": azureml, "databricks": databricks}


@pytest.fixture(params=WORKSPACES)
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Workspace:
    root = tmp_path / "project"
    add_diabetes(ScratchProject(root))
    return WORKSPACES[request.param](request, root)


@pytest.fixture(params=PLATFORMS)
def real(request: pytest.FixtureRequest, tmp_path: Path) -> Workspace:
    """Return a workspace that keeps files and begins jobs, which the one in memory only writes
    down."""
    root = tmp_path / "project"
    add_diabetes(ScratchProject(root))
    return WORKSPACES[request.param](request, root)


def test_every_platform_is_held_to_the_contract() -> None:
    assert PLATFORMS.keys() == WORKSPACES.keys() - {"memory"}


class Source:
    """A file to register, with other content each time it is asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def of(self, content: str) -> Path:
        self._path.write_text(content)
        return self._path


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(tmp_path / "source.csv")


def data(
    workspace: Workspace, source: Source, content: str, name: str, version: str | None = None
) -> Asset:
    return workspace.register(
        "data", Registration(name, source.of(content), "uri_file", version, tags={"from": content})
    )


def test_new_content_gets_the_next_version_and_old_content_its_own(
    workspace: Workspace, source: Source
) -> None:
    versions = [data(workspace, source, content, "patients").version for content in "abab"]
    assert versions == ["1", "2", "1", "2"]


def test_a_registered_asset_says_what_it_was_registered_as(
    workspace: Workspace, source: Source
) -> None:
    asset = data(workspace, source, "a", "patients", "7")
    assert (asset.kind, asset.name, asset.version) == ("data", "patients", "7")
    assert (asset.type, asset.base_name, asset.tags) == ("uri_file", "source.csv", {"from": "a"})
    assert (asset.reference, asset.job) == ("azureml:patients:7", None)
    assert workspace.asset("data", asset.reference) == asset


def test_a_version_that_exists_with_other_content_is_refused(
    workspace: Workspace, source: Source
) -> None:
    first = data(workspace, source, "a", "patients", "7")
    with pytest.raises(EnvironmentRefused) as refused:
        data(workspace, source, "b", "patients", "7")
    assert not isinstance(refused.value, NotFound)
    assert workspace.assets("data", "patients") == [first]


def test_assets_are_the_latest_of_each_name_in_the_names_order(
    workspace: Workspace, source: Source
) -> None:
    assert workspace.assets("data") == []
    patients = [data(workspace, source, content, "patients") for content in "ab"]
    clinics = data(workspace, source, "a", "clinics")
    data(workspace, source, "a", "patients")
    assert workspace.assets("data") == [clinics, patients[1]]
    assert {asset.kind for asset in workspace.assets("model")} <= {"model"}


def test_assets_of_a_name_are_all_its_versions_the_newest_first(
    workspace: Workspace, source: Source
) -> None:
    first, second = (data(workspace, source, content, "patients") for content in "ab")
    data(workspace, source, "a", "clinics")
    assert workspace.assets("data", "patients") == [second, first]


@pytest.mark.parametrize(
    ("reference", "version"),
    [
        ("azureml:patients", "2"),
        ("azureml:patients@latest", "2"),
        ("azureml:patients:1", "1"),
        ("azureml:patients:2", "2"),
    ],
)
def test_a_reference_finds_its_version(
    workspace: Workspace, source: Source, reference: str, version: str
) -> None:
    for content in "ab":
        data(workspace, source, content, "patients")
    assert workspace.asset("data", reference).version == version


@pytest.mark.parametrize("kind", ["model", "data"])
def test_a_name_that_is_not_there_is_not_found(
    workspace: Workspace, source: Source, kind: AssetKind
) -> None:
    data(workspace, source, "a", "clinics")
    for reference in ("azureml:patients", "azureml:patients:1", "azureml:patients@latest"):
        with pytest.raises(NotFound, match="'patients'"):
            workspace.asset(kind, reference)
    with pytest.raises(NotFound, match="'patients'"):
        workspace.assets(kind, "patients")


def test_a_version_that_is_not_there_is_not_found(workspace: Workspace, source: Source) -> None:
    data(workspace, source, "a", "patients")
    with pytest.raises(NotFound, match="'patients' has no version '2'"):
        workspace.asset("data", "azureml:patients:2")


def test_a_name_of_the_other_kind_is_not_found(workspace: Workspace, source: Source) -> None:
    data(workspace, source, "a", "patients")
    with pytest.raises(NotFound):
        workspace.asset("model", "azureml:patients")


def test_jobs_and_endpoints_that_are_not_there_are_not_found(workspace: Workspace) -> None:
    assert workspace.jobs() == []
    with pytest.raises(NotFound, match="there are no jobs yet"):
        workspace.job()
    with pytest.raises(NotFound):
        workspace.profile("nobody")
    with pytest.raises(NotFound, match="no endpoint 'nowhere'"):
        workspace.endpoint("nowhere")


def test_the_default_endpoint_is_one_of_the_batch_endpoints(workspace: Workspace) -> None:
    default = workspace.default_endpoint()
    assert default is not None
    assert workspace.endpoint(default).kind == "batch"
    assert workspace.endpoint(default) in workspace.endpoints()


def test_an_endpoints_default_is_one_of_its_deployments(workspace: Workspace) -> None:
    endpoint = workspace.endpoint("diabetes-batch")
    assert [deployment.name for deployment in endpoint.deployments if deployment.default] == [
        endpoint.default
    ]


def test_a_copy_of_an_asset_is_the_next_version_once(workspace: Workspace, source: Source) -> None:
    asset = data(workspace, source, "a", "patients")
    copy = replace(asset, name="copies", tags={"from": "patients"})
    first = workspace.receive(copy, workspace.contents("data", asset.reference))
    assert (first.reference, first.tags) == ("azureml:copies:1", {"from": "patients"})
    assert first.content_hash == asset.content_hash
    assert workspace.receive(copy, workspace.contents("data", asset.reference)) == first
    assert workspace.assets("data", "copies") == [first]


def test_properties_stay_with_an_asset_and_with_its_copy(
    workspace: Workspace, source: Source
) -> None:
    model = Path(__file__).parent.parent / "models" / "diabetes" / "model"
    wanted = Registration("m", model, "mlflow_model", properties={"reviewed": "yes"})
    asset = workspace.register("model", wanted)
    assert asset.properties == {"reviewed": "yes"}
    copy = replace(asset, name="copies")
    received = workspace.receive(copy, workspace.contents("model", asset.reference))
    assert received.properties == {"reviewed": "yes"}


def test_no_job_that_is_not_there_is_removed(workspace: Workspace) -> None:
    if not workspace.abilities.removes_jobs:
        with pytest.raises(EnvironmentRefused, match="keeps"):
            workspace.remove_jobs([], pretend=True)
        return
    assert workspace.remove_jobs([]) == 0
    assert workspace.remove_jobs([], pretend=True) == 0
    with pytest.raises(NotFound):
        workspace.remove_jobs(["nowhere"])


def test_what_a_workspace_cannot_do_it_refuses(workspace: Workspace) -> None:
    if not workspace.abilities.serves:
        with pytest.raises(WrongUsage, match="--env local"):
            workspace.serve("diabetes-online", Serving(), ready=print, log=print)
    if not workspace.abilities.resumes:
        with pytest.raises(EnvironmentRefused):
            workspace.resume("nowhere")


def test_an_invocation_of_what_is_not_there_begins_no_job(real: Workspace) -> None:
    for asked, error in (
        (Invocation("nowhere", data="."), NotFound),
        (Invocation("diabetes-batch", deployment="mlflo", data="."), NotFound),
        (Invocation("diabetes-online", data="."), WrongUsage),
        (Invocation("diabetes-batch", data="azureml:nothing@latest"), NotFound),
        (Invocation("diabetes-batch", data="nowhere.csv"), NotFound),
        (Invocation("diabetes-batch", data=".", settings={"mini_batch": "1"}), WrongUsage),
    ):
        with pytest.raises(error):
            real.invoke(asked)
    assert real.jobs() == []


def test_what_is_downloaded_is_what_was_registered(
    real: Workspace, source: Source, tmp_path: Path
) -> None:
    asset = data(real, source, "a,b\n1,2\n", "patients")
    target = real.download_asset("data", asset.reference, tmp_path / "copy")
    content = real.contents("data", asset.reference)
    assert content.shape == "file"
    assert b"".join(content.files[0].read()) == b"a,b\n1,2\n"
    found = target / "source.csv" if target.is_dir() else target
    assert found.read_bytes() == b"a,b\n1,2\n"
