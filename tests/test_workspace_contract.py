"""What the command line relies on, held against every environment's workspace.

They are the workspace in memory, the local one and those of Azure over their stand-in. The tests of
the commands run over the workspace in memory; what it does that a real one does not would be tested
in vain.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest

from runner.databricks.outputs import outputs_of
from runner.databricks.workspace import DatabricksWorkspace
from runner.environments import PLATFORMS
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.local.workspace import LocalWorkspace
from runner.project import Project
from runner.stacks.output import check_output
from runner.workspace import Asset, AssetKind, Invocation, Registration, Serving, Workspace
from tests.azureml.stage import Stage, make_workspace
from tests.cli.memory import MemoryWorkspace
from tests.emulator import Emulator
from tests.emulator.databricks.seed import seed_lake
from tests.emulator.databricks.service import Databricks
from tests.projects import ScratchProject, add_diabetes


def in_memory(_request: pytest.FixtureRequest, _root: Path) -> Workspace:
    return MemoryWorkspace()


def local(_request: pytest.FixtureRequest, root: Path) -> Workspace:
    return LocalWorkspace(Project(root, root / "models", root / ".runner"))


def azureml(request: pytest.FixtureRequest, root: Path) -> Workspace:
    cloud: Emulator = request.getfixturevalue("scoring_emulator")
    enter(request, cloud)
    stage = Stage(cloud, make_workspace(cloud))
    stage.batch("diabetes-batch", ("mlflow", "script"), default="mlflow")
    stage.online("diabetes-online")
    return stage.workspace(root)


def databricks(request: pytest.FixtureRequest, root: Path) -> Workspace:
    cloud: Emulator = request.getfixturevalue("emulator")
    enter(request, cloud)
    service: Databricks = request.getfixturevalue("databricks_service")
    group = f"rg-{uuid4().hex[:8]}"
    lake = seed_lake(cloud, service, group)
    request.addfinalizer(lambda: cloud.arm("DELETE", f"/resourceGroups/{group}"))
    request.addfinalizer(lambda: service.close(lake.workspace_id))
    lake.endpoints["diabetes-batch"] = {
        "kind": "batch",
        "name": "diabetes-batch",
        "deployments": ["mlflow", "script"],
        "default": "mlflow",
        "jobs": {"mlflow": {"job_id": 1}, "script": {"job_id": 2}},
    }
    lake.endpoints["diabetes-online"] = {"kind": "online", "name": "diabetes-online"}
    outputs = outputs_of(check_output(lake.outputs(), "stack lake"))
    return DatabricksWorkspace(Project(root, root / "models", root / ".runner"), "lake", outputs)


WORKSPACES = {"memory": in_memory, "local": local, "azureml": azureml, "databricks": databricks}


def enter(request: pytest.FixtureRequest, cloud: Emulator) -> None:
    """Lead the environment of this process to a cloud as long as the fixture lives."""
    patch = pytest.MonkeyPatch()
    request.addfinalizer(patch.undo)
    for name, value in cloud.environment.items():
        patch.setenv(name, value)


@pytest.fixture(scope="module", params=WORKSPACES)
def workspace(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Workspace:
    """Return a workspace that the tests share: each gives what it registers names of its own."""
    root = tmp_path_factory.mktemp(request.param) / "project"
    add_diabetes(ScratchProject(root))
    return WORKSPACES[request.param](request, root)


# Those that keep files and begin jobs, which the one in memory only writes down.
on_real_platforms = pytest.mark.parametrize("workspace", list(PLATFORMS), indirect=True)

_numbers = count()


@pytest.fixture
def patients() -> str:
    """Return the name of a data asset that no other test registers."""
    return f"patients-{next(_numbers)}"


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
    workspace: Workspace, source: Source, patients: str
) -> None:
    versions = [data(workspace, source, content, patients).version for content in "abab"]
    assert versions == ["1", "2", "1", "2"]


def test_a_registered_asset_says_what_it_was_registered_as(
    workspace: Workspace, source: Source, patients: str
) -> None:
    asset = data(workspace, source, "a", patients, "7")
    assert (asset.kind, asset.name, asset.version) == ("data", patients, "7")
    assert (asset.type, asset.base_name, asset.tags) == ("uri_file", "source.csv", {"from": "a"})
    assert (asset.reference, asset.job) == (f"azureml:{patients}:7", None)
    assert workspace.asset("data", asset.reference) == asset


def test_a_version_that_exists_with_other_content_is_refused(
    workspace: Workspace, source: Source, patients: str
) -> None:
    first = data(workspace, source, "a", patients, "7")
    with pytest.raises(EnvironmentRefused) as refused:
        data(workspace, source, "b", patients, "7")
    assert not isinstance(refused.value, NotFound)
    assert workspace.assets("data", patients) == [first]


def test_assets_are_the_latest_of_each_name_in_the_names_order(
    workspace: Workspace, source: Source, patients: str
) -> None:
    assert not any(asset.name == patients for asset in workspace.assets("data"))
    _, latest = (data(workspace, source, content, patients) for content in "ab")
    before = data(workspace, source, "a", f"a-{patients}")
    data(workspace, source, "a", patients)
    listed = workspace.assets("data")
    assert [asset for asset in listed if asset.name.endswith(patients)] == [before, latest]
    assert [asset.name for asset in listed] == sorted({asset.name for asset in listed})
    assert {asset.kind for asset in workspace.assets("model")} <= {"model"}


def test_assets_of_a_name_are_all_its_versions_the_newest_first(
    workspace: Workspace, source: Source, patients: str
) -> None:
    first, second = (data(workspace, source, content, patients) for content in "ab")
    data(workspace, source, "a", "clinics")
    assert workspace.assets("data", patients) == [second, first]


def test_a_reference_finds_its_version(workspace: Workspace, source: Source, patients: str) -> None:
    for content in "ab":
        data(workspace, source, content, patients)
    for said, version in (("", "2"), ("@latest", "2"), (":1", "1"), (":2", "2")):
        assert workspace.asset("data", f"azureml:{patients}{said}").version == version


@pytest.mark.parametrize("kind", ["model", "data"])
def test_a_name_that_is_not_there_is_not_found(
    workspace: Workspace, source: Source, patients: str, kind: AssetKind
) -> None:
    data(workspace, source, "a", "clinics")
    for said in ("", ":1", "@latest"):
        with pytest.raises(NotFound, match=f"'{patients}'"):
            workspace.asset(kind, f"azureml:{patients}{said}")
    with pytest.raises(NotFound, match=f"'{patients}'"):
        workspace.assets(kind, patients)


def test_a_version_that_is_not_there_is_not_found(
    workspace: Workspace, source: Source, patients: str
) -> None:
    data(workspace, source, "a", patients)
    with pytest.raises(NotFound, match=f"'{patients}' has no version '2'"):
        workspace.asset("data", f"azureml:{patients}:2")


def test_a_name_of_the_other_kind_is_not_found(
    workspace: Workspace, source: Source, patients: str
) -> None:
    data(workspace, source, "a", patients)
    with pytest.raises(NotFound):
        workspace.asset("model", f"azureml:{patients}")


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
    assert [found.name for found in endpoint.deployments if found.default] == [endpoint.default]


def test_a_copy_of_an_asset_is_the_next_version_once(
    workspace: Workspace, source: Source, patients: str
) -> None:
    asset = data(workspace, source, "a", patients)
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


@on_real_platforms
def test_an_invocation_of_what_is_not_there_begins_no_job(workspace: Workspace) -> None:
    for asked, error in (
        (Invocation("nowhere", data="."), NotFound),
        (Invocation("diabetes-batch", deployment="mlflo", data="."), NotFound),
        (Invocation("diabetes-online", data="."), WrongUsage),
        (Invocation("diabetes-batch", data="azureml:nothing@latest"), NotFound),
        (Invocation("diabetes-batch", data="nowhere.csv"), NotFound),
        (Invocation("diabetes-batch", data=".", settings={"mini_batch": "1"}), WrongUsage),
    ):
        with pytest.raises(error):
            workspace.invoke(asked)
    assert workspace.jobs() == []


@on_real_platforms
def test_what_is_downloaded_is_what_was_registered(
    workspace: Workspace, source: Source, tmp_path: Path, patients: str
) -> None:
    asset = data(workspace, source, "a,b\n1,2\n", patients)
    target = workspace.download_asset("data", asset.reference, tmp_path / "copy")
    content = workspace.contents("data", asset.reference)
    assert content.shape == "file"
    assert b"".join(content.files[0].read()) == b"a,b\n1,2\n"
    found = target / "source.csv" if target.is_dir() else target
    assert found.read_bytes() == b"a,b\n1,2\n"
