"""A pull request that changes pins, from git to its comment: with the stand-in as Azure, signed in
as who may only read, and compared where no credential is."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from runner.azureml.workspace import AzureWorkspace
from runner.cli.promote import promote
from runner.pull_request.changes import archive, read_changes
from runner.pull_request.comparing import bare
from runner.pull_request.fetching import fetch_versions
from runner.workspace import Registration
from tests.azureml.stage import Stage, make_workspace
from tests.azureml.test_people import READS
from tests.emulator import Emulator
from tests.emulator.holding import hold
from tests.projects import OWN_PACKAGES, ROOT, ScratchProject, add_diabetes
from tests.pull_request.repository import commit, stack

PLACE = "diabetes-batch/mlflow"


class Spying:
    """Becomes a model when it is unpickled, and writes down what that process could read."""

    def __init__(self, model: object, seen: Path) -> None:
        self.model, self.seen = model, seen

    def __reduce__(self) -> tuple[object, ...]:
        write = f"open({str(self.seen)!r}, 'w').write(repr(dict(__import__('os').environ)))"
        load = f"__import__('pickle').loads({pickle.dumps(self.model)!r})"
        return eval, (f"({write}, {load})[1]",)


@dataclass(frozen=True)
class Pipeline:
    """A repository with a pull request, and the workspaces that its pins are of."""

    root: Path
    workspaces: Mapping[str, AzureWorkspace]
    stages: Mapping[str, Stage]

    def folder(self, name: str) -> Path:
        return self.root.parent / name

    def step(self, *words: str, **more: str) -> str:
        """Run a step as a job does, and return what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "runner.pull_request", *words],
            cwd=self.root,
            env=bare(os.environ) | OWN_PACKAGES | {"PYTHONPATH": str(ROOT)} | more,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def signed_in(self, blobs: tuple[str, ...]) -> AbstractContextManager[None]:
        """Hold who signs in to what the identity of previews has: it reads, and no blobs but of
        these environments."""
        roles = []
        for name, stage in self.stages.items():
            found = stage.emulator.cloud.state.get(stage.workspace_id)
            assert found is not None
            scopes = (stage.workspace_id, str(found.properties["storageAccount"]))
            held = [(role, scope) for (role, _), scope in zip(READS, scopes, strict=True)]
            roles += held if name in blobs else held[:1]
        return hold(self.stages["dev"].emulator, *roles)


@pytest.fixture(scope="module")
def pipeline(
    scoring_cloud: Emulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pipeline]:
    """Promote two versions from dev to prod, and make a branch that pins the second in both."""
    root = tmp_path_factory.mktemp("pull") / "project"
    project = ScratchProject(root)
    project.write("Pulumi.yaml", "name: sample\nruntime: python\n")
    project.write(".gitignore", ".runner/\n")
    add_diabetes(project)
    moved = root.parent / "moved" / "model"
    shutil.copytree(root / "models/diabetes/model", moved)
    fitted = pickle.loads((moved / "model.pkl").read_bytes())
    fitted[-1].intercept_ = fitted[-1].intercept_ + 0.3
    (moved / "model.pkl").write_bytes(pickle.dumps(Spying(fitted, root.parent / "seen")))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in scoring_cloud.environment.items():
            patch.setenv(name, value)
        stages = {
            name: Stage(scoring_cloud, make_workspace(scoring_cloud, by_identity=True))
            for name in ("dev", "prod")
        }
        workspaces = {name: stage.workspace(root, name) for name, stage in stages.items()}
        for path in (root / "models/diabetes/model", moved):
            made = Registration("diabetes-mlflow", path, "mlflow_model")
            model = workspaces["dev"].register("model", made)
            promote(workspaces["dev"], workspaces["prod"], model.reference, None)
        commits = []
        for version in (1, 2):
            pins = stack(f"{PLACE}=azureml:diabetes-mlflow:{version}")
            for name in stages:
                project.write(f"Pulumi.{name}.yaml", pins)
            commits.append(commit(root))
        made_pipeline = Pipeline(root, workspaces, stages)
        base, head = commits
        words = (str(made_pipeline.folder("changes")), "--base", base, "--head", head)
        assert made_pipeline.step("find", *words) == "any=true\npins=true\n"
        yield made_pipeline


def test_a_pin_that_changes_is_fetched_compared_and_told(pipeline: Pipeline) -> None:
    folders = [str(pipeline.folder(name)) for name in ("changes", "models", "reports")]
    changes = read_changes(pipeline.folder("changes"))
    with pipeline.signed_in(blobs=("dev", "prod")):
        fetched = fetch_versions(
            changes, pipeline.folder("models"), ("dev", "prod"), pipeline.workspaces.__getitem__
        )
    assert [entry.error for entry in fetched] == [None, None]
    # Both environments have the same files: compared, and kept, once.
    assert fetched[0].old == fetched[1].old
    assert len(list(pipeline.folder("models").glob("*.tar"))) == 2
    # The job that scores: nothing in it signs in, and what is there is not passed on.
    secret = {"GITHUB_TOKEN": "a-token", "ARM_CLIENT_ID": "an-id", "SYSTEM_ACCESSTOKEN": "b-token"}
    pipeline.step("compare", *folders, **secret)
    seen = pipeline.folder("seen").read_text()
    assert "'PATH'" in seen
    for word in (*secret, *secret.values(), "ARM_", "AZURE_CLIENT", "IDENTITY_", "PULUMI"):
        assert word not in seen
    assert [file.name for file in pipeline.folder("reports").iterdir()] == ["0.json"]
    text = pipeline.folder("comment.md")
    pipeline.step("comment", *folders, str(text))
    lines = text.read_text().splitlines()
    assert lines[1] == "**15 of 400 predictions change (3.8 %)**: 15 from 0 to 1"
    assert "diabetes-batch/mlflow in dev, prod" in lines[3]
    assert "| 0 | 296 | 15 |" in lines
    assert lines[-2].endswith("--deployment mlflow --env dev")
    assert len(lines) <= 25


def test_what_a_closed_environment_has_is_fetched_where_it_was_promoted_from(
    pipeline: Pipeline,
) -> None:
    changes = read_changes(pipeline.folder("changes"))
    (of_prod,) = [change for change in changes.changes if change.environment == "prod"]
    folder = pipeline.folder("closed")
    # Resource Manager tells of prod's versions, and prod's storage keeps their files to itself.
    with pipeline.signed_in(blobs=("dev",)):
        (entry,) = fetch_versions(
            replace(changes, changes=(of_prod,)),
            folder,
            ("dev", "prod"),
            pipeline.workspaces.__getitem__,
        )
        (alone,) = fetch_versions(
            replace(changes, changes=(of_prod,)),
            pipeline.folder("alone"),
            ("prod",),
            pipeline.workspaces.__getitem__,
        )
    assert entry.error is None
    assert entry.old is not None
    assert archive(folder, entry.old.content_hash).exists()
    assert alone.error is not None
    assert "Storage Blob Data Reader" in alone.error


def test_an_environment_that_is_not_there_yet_is_told_and_not_asked(pipeline: Pipeline) -> None:
    changes = read_changes(pipeline.folder("changes"))
    entries = fetch_versions(
        changes, pipeline.folder("none"), ("local",), pipeline.workspaces.__getitem__
    )
    assert {entry.error for entry in entries} == {
        "environment dev is not there yet",
        "environment prod is not there yet",
    }
