"""The roles that the page names are enough to read, to score and to register."""

from __future__ import annotations

import uuid
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.azureml.scored import Run
from tests.azureml.stage import Stage, make_workspace
from tests.emulator import Emulator
from tests.emulator.holding import hold
from tests.projects import ROOT, make_project

ON_WORKSPACE, ON_STORAGE = "workspace", "storage"
READS = (("Reader", ON_WORKSPACE), ("Storage Blob Data Reader", ON_STORAGE))
SCORES = (("AzureML Data Scientist", ON_WORKSPACE), ("Storage Blob Data Contributor", ON_STORAGE))
Roles = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Scene:
    """A workspace without keys, and an account with the roles that the test gives."""

    stage: Stage
    data: Path

    def signed_in(self, *roles: tuple[str, str]) -> AbstractContextManager[None]:
        """Give the account these roles only, until the block ends."""
        given = ((name, self._scope(on)) for name, on in roles)
        return hold(self.stage.emulator, *given)

    def _scope(self, on: str) -> str:
        if on == ON_WORKSPACE:
            return self.stage.workspace_id
        found = self.stage.emulator.cloud.state.get(self.stage.workspace_id)
        assert found is not None
        return str(found.properties["storageAccount"])


@pytest.fixture(scope="module")
def group(scoring_cloud: Emulator) -> str:
    return make_workspace(scoring_cloud, by_identity=True)


@pytest.fixture
def scene(
    scoring_cloud: Emulator, group: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Scene:
    project = make_project(tmp_path / "project")
    stage = Stage(scoring_cloud, group)
    stage.batch("echo")
    for name, value in scoring_cloud.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RUNNER_OUTPUTS", str(stage.write(tmp_path)))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(project.root)
    return Scene(stage, project.input)


def score(scene: Scene, run: Run, *, fresh: bool = True) -> tuple[int, str]:
    """Begin a job over files of this machine, which are sent unless the workspace has them."""
    if fresh:
        (scene.data / f"{uuid.uuid4()}.txt").write_text("a line\n")
    result = run("score", "echo", "--data", str(scene.data), "--no-wait")
    return result.status, result.err


def test_who_scores_needs_both_roles_and_is_told_of_the_one_that_is_missing(
    scene: Scene, run: Run
) -> None:
    with scene.signed_in(*SCORES):
        status, told = score(scene, run)
        assert status == 0, told
    for missing, kept in ((SCORES[0], SCORES[1]), (SCORES[1], SCORES[0])):
        with scene.signed_in(kept):
            status, told = score(scene, run)
        assert status != 0
        assert missing[0] in told, told


def test_who_reads_sees_endpoints_and_jobs_and_begins_none(scene: Scene, run: Run) -> None:
    with scene.signed_in(*READS):
        for words in (("jobs", "list"), ("endpoints", "list"), ("models", "list")):
            assert run(*words).status == 0
        status, told = score(scene, run)
        assert status != 0
        assert "Storage Blob Data Contributor" in told
    with scene.signed_in(READS[1]):
        refused = run("jobs", "list")
    assert refused.status != 0
    assert "role such as 'AzureML Data Scientist' on the workspace" in refused.err


def test_a_reader_who_may_write_blobs_still_begins_no_job(scene: Scene, run: Run) -> None:
    with scene.signed_in(*SCORES):
        assert score(scene, run)[0] == 0  # which leaves the data in the workspace
    with scene.signed_in(READS[0], SCORES[1]):
        status, told = score(scene, run, fresh=False)
    assert status != 0
    assert "does not have permissions for Microsoft.MachineLearningServices" in told


@pytest.mark.parametrize("roles", [READS, SCORES])
def test_the_page_names_the_roles(roles: Roles) -> None:
    page = (ROOT / "docs" / "guides" / "access.md").read_text()
    table = page.partition("\n| to | roles |")[2].partition("\n\n")[0]
    cell = " and ".join(f"{name} on the {on}" for name, on in roles)
    assert cell in table
