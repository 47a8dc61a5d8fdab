"""What `runner init` writes, held against the reader, the runner and the schemas of az ml."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from runner.declarations import DeclarationError, read_catalog
from runner.errors import WrongUsage
from runner.new_model import declare_model
from runner.project import Project
from tests.projects import ROOT, ScratchProject

SAMPLE = ROOT / "models" / "diabetes" / "model"
FILES = ["model.yml", "batch-endpoint.yml", "batch-deployment.yml"]


@pytest.fixture
def place(tmp_path: Path) -> Project:
    """Return a project with the sample's model, in a folder whose name YAML would cut short."""
    root = tmp_path / "project"
    shutil.copytree(SAMPLE, root / "models" / "churn" / "it: #1")
    return Project(root=root, models=root / "models", home=root / ".runner")


def model_of(place: Project) -> Path:
    return place.models / "churn" / "it: #1"


def test_the_three_files_score_the_model_and_say_what_it_wants(tmp_path: Path) -> None:
    project = ScratchProject(tmp_path)
    project.write("Pulumi.yaml", "name: scratch\n")
    shutil.copytree(SAMPLE, tmp_path / "models" / "churn" / "model")
    done = project.run("init", "churn", "--model", "models/churn/model")
    assert done.stdout.splitlines() == [f"models/churn/{file}" for file in FILES]
    assert "`runner score churn-batch --data FOLDER`" in done.stderr
    assert "#   'bmi': " in (tmp_path / "models/churn/model.yml").read_text().lower()
    data = str(ROOT / "data" / "diabetes" / "unlabeled")
    scored = project.run("score", "churn-batch", "--data", data)
    assert re.search(r"^rows +400$", scored.stdout, re.MULTILINE)


def test_azures_own_schemas_take_the_files(place: Project) -> None:
    from azure.ai.ml import load_batch_endpoint, load_model
    from azure.ai.ml.entities._load_functions import load_model_batch_deployment

    model, endpoint, deployment = declare_model(place, "churn", model_of(place))
    assert Path(str(load_model(model).path)).name == "it: #1"
    assert load_batch_endpoint(endpoint).defaults.deployment_name == "mlflow"
    assert load_model_batch_deployment(deployment).settings.mini_batch_size == 10


def test_a_model_elsewhere_in_the_project_is_named_from_there(place: Project) -> None:
    declare_model(place, "other", model_of(place))
    written = yaml.safe_load((place.models / "other" / "model.yml").read_text())
    assert written["path"] == "../churn/it: #1"
    assert read_catalog(place.models).models["other"].path == model_of(place).resolve()


def test_a_model_outside_of_the_project_is_refused_with_the_way_in(
    place: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place.root)
    with pytest.raises(WrongUsage) as refused:
        declare_model(place, "late", SAMPLE)
    assert f"cp -r {SAMPLE} models/late/model" in str(refused.value)
    assert not (place.models / "late").exists()


@pytest.mark.parametrize("name", ["-x", "a/b", "..", "x" * 40, "", "a b"])
def test_a_name_that_no_endpoint_can_have_is_refused(place: Project, name: str) -> None:
    with pytest.raises(WrongUsage, match="can't be an endpoint's name, allowed"):
        declare_model(place, name, model_of(place))
    assert [path.name for path in place.models.iterdir()] == ["churn"]


def test_files_that_are_there_are_left_and_nothing_is_written_beside_them(place: Project) -> None:
    kept = place.models / "churn" / "batch-endpoint.yml"
    kept.write_text("name: mine\n")
    with pytest.raises(WrongUsage, match=r"batch-endpoint.yml exists already"):
        declare_model(place, "churn", model_of(place))
    assert sorted(path.name for path in kept.parent.iterdir()) == ["batch-endpoint.yml", "it: #1"]
    assert kept.read_text() == "name: mine\n"


def test_an_endpoint_that_another_folder_has_leaves_nothing_written(place: Project) -> None:
    declare_model(place, "churn", model_of(place))
    (place.models / "churn").rename(place.models / "renamed")
    moved = place.models / "renamed" / "it: #1"
    with pytest.raises(DeclarationError, match="churn-batch"):
        declare_model(place, "churn", moved)
    assert not (place.models / "churn").exists()


def test_a_folder_without_mlmodel_is_refused(place: Project) -> None:
    with pytest.raises(WrongUsage, match="has no MLmodel file; save it with mlflow, or declare a"):
        declare_model(place, "churn", place.models)


@pytest.mark.parametrize(
    ("signature", "told"),
    [
        ("", "saved without a signature"),
        (
            '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 3]}}]',
            "MLflow checks",
        ),
    ],
)
def test_a_signature_without_columns_is_told(place: Project, signature: str, told: str) -> None:
    file = model_of(place) / "MLmodel"
    document = yaml.safe_load(file.read_text())
    document["signature"] = {"inputs": signature} if signature else None
    file.write_text(yaml.safe_dump(document))
    (model, *_) = declare_model(place, "churn", model_of(place))
    assert told in model.read_text()
