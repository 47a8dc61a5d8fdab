from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.cli import main
from runner.cli.promote import promote
from runner.local.workspace import LocalWorkspace
from runner.project import Project
from runner.workspace import Origin, Registration, Workspace
from tests.projects import ScratchProject, add_diabetes

from .conftest import Run
from .memory import MemoryWorkspace


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "deep").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    (folder / "deep" / "model.bin").write_bytes(b"x" * 3_000_000)
    return folder


def local(root: Path) -> LocalWorkspace:
    return LocalWorkspace(Project(root, root / "models", root / ".runner"))


def test_a_copy_has_the_content_and_says_where_it_came_from(tmp_path: Path, model: Path) -> None:
    source, target = local(tmp_path / "one"), local(tmp_path / "two")
    source.register("model", Registration("m", model / "deep", "custom_model"))
    wanted = Registration(
        *("m", model, "mlflow_model"),
        description="few",
        tags={"a": "b"},
        properties={"c": "d"},
        more={"stage": "Production"},
    )
    registered = source.register("model", wanted)
    copy = promote(source, target, "azureml:m@latest", "c0ffee")
    assert (copy.properties, copy.stage) == ({"c": "d"}, "Production")
    assert (copy.version, copy.content_hash) == ("1", registered.content_hash)
    assert (copy.type, copy.description, copy.base_name) == ("mlflow_model", "few", "source")
    assert copy.tags == {
        "a": "b",
        "promoted_from": "local",
        "promoted_version": "2",
        "promoted_commit": "c0ffee",
    }
    target.download_asset("model", "m", tmp_path / "copy")
    assert (tmp_path / "copy" / "deep" / "model.bin").read_bytes() == b"x" * 3_000_000


def test_a_copy_has_the_origin_and_names_the_job_that_the_other_environment_has(
    model: Path,
) -> None:
    source, target = MemoryWorkspace("dev"), MemoryWorkspace("prod")
    origin = Origin("0a1b", "c0ffee", {"table": "azureml:patients:3"}, {"f1": 0.75})
    source.origins["train-1"] = origin
    source.register("model", Registration("m", model, "custom_model", job="train-1"))
    copy = promote(source, target, "azureml:m:1", None)
    assert (copy.origin, copy.job) == (origin, None)
    assert copy.tags == {
        "promoted_from": "dev",
        "promoted_version": "1",
        "promoted_job": "train-1",
    }
    assert target.asset("model", "azureml:m:1") == copy


def test_a_copy_of_a_copy_says_which_copy_it_is_of(model: Path) -> None:
    dev, test, prod = MemoryWorkspace("dev"), MemoryWorkspace("test"), MemoryWorkspace("prod")
    dev.register("model", Registration("m", model, "custom_model", tags={"a": "b"}))
    test.register("model", Registration("m", model / "deep", "custom_model"))
    assert promote(dev, test, "azureml:m:1", "c0ffee").version == "2"
    assert promote(test, prod, "azureml:m:2", "decaf").tags == {
        "a": "b",
        "promoted_from": "test",
        "promoted_version": "2",
        "promoted_commit": "decaf",
    }


def test_the_same_content_again_keeps_its_version(tmp_path: Path, model: Path) -> None:
    source, target = local(tmp_path / "one"), local(tmp_path / "two")
    source.register("model", Registration("m", model, "mlflow_model"))
    first = promote(source, target, "azureml:m:1", None)
    assert promote(source, target, "azureml:m:1", "later") == first
    assert len(target.assets("model", "m")) == 1


@pytest.fixture
def project(tmp_path: Path) -> ScratchProject:
    project = ScratchProject(tmp_path)
    project.write("Pulumi.yaml", "name: sample\nruntime: python\n")
    project.write("Pulumi.prod.yaml", "config:\n")
    add_diabetes(project)
    return project


def test_promote_copies_from_one_environment_to_the_other_and_pins(
    project: ScratchProject, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspaces = {"dev": MemoryWorkspace("dev"), "prod": MemoryWorkspace("prod")}
    for _ in range(2):
        wanted = Registration("diabetes-mlflow", model, "mlflow_model")
        workspaces["dev"].register("model", wanted)
        (model / "MLmodel").write_text("flavors: {a: b}\n")

    def opener(environment: str, *_: object) -> Workspace:
        return workspaces[environment]

    words = ("models", "promote", "diabetes-mlflow:2", "--from", "dev", "--to", "prod", "--pin")
    with pytest.raises(SystemExit) as ended:
        main([*words, "-o", "json"], opener)
    assert not ended.value.code
    printed = json.loads(capsys.readouterr().out)
    assert (printed["version"], printed["tags"]["promoted_version"]) == ("1", "2")
    assert printed["tags"]["promoted_from"] == "dev"
    text = (project.root / "Pulumi.prod.yaml").read_text()
    assert text.count('"azureml:diabetes-mlflow:1"') == 2
    assert [name for name, _ in workspaces["prod"].codes] == ["diabetes-batch-script"]
    assert workspaces["dev"].codes == []


def test_a_copy_needs_two_environments(run: Run, project: ScratchProject) -> None:
    result = run("models", "promote", "m:1", "--from", "dev", "--to", "dev")
    assert result.status == 2
    assert "--from and --to are both dev" in result.err


def test_an_unknown_model_is_not_found(run: Run, project: ScratchProject) -> None:
    result = run("models", "promote", "m:1", "--from", "dev", "--to", "prod")
    assert result.status == 3
    assert "no model 'm'" in result.err


@pytest.mark.parametrize("way", ["option", "variable"])
def test_one_workspaces_outputs_are_not_taken_for_two(
    run: Run, project: ScratchProject, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    outputs = project.write("outputs.json", "{}")
    words = ["models", "promote", "m:1", "--from", "dev", "--to", "prod"]
    if way == "option":
        words += ["--outputs", str(outputs)]
    else:
        monkeypatch.setenv("RUNNER_OUTPUTS", str(outputs))
    result = run(*words)
    assert result.status == 2
    assert "give --from-stack-output and --to-stack-output" in result.err


@pytest.mark.parametrize(
    ("words", "opened"),
    [
        (["--from", "local", "--outputs", "a"], [("local", None), ("prod", "a")]),
        (["--to", "local", "--outputs", "a"], [("dev", "a"), ("local", None)]),
        (["--from-outputs", "a", "--to-outputs", "b"], [("dev", "a"), ("prod", "b")]),
        ([], [("dev", None), ("prod", None)]),
    ],
)
def test_each_environment_is_opened_with_its_own_outputs(
    project: ScratchProject, words: list[str], opened: list[tuple[str, str | None]]
) -> None:
    for name in "ab":
        project.write(name, "{}")
    seen: list[tuple[str, str | None]] = []

    def opener(environment: str, outputs: Path | None = None) -> Workspace:
        seen.append((environment, str(outputs) if outputs else None))
        return MemoryWorkspace(environment)

    with pytest.raises(SystemExit):
        main(["models", "promote", "m:1", "--from", "dev", "--to", "prod", *words], opener)
    assert seen == opened
