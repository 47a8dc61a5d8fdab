"""`runner models compare` from end to end: real models, scored by the engine."""

from __future__ import annotations

import csv
import json
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml
from sklearn.dummy import DummyClassifier

from runner.cli import main
from runner.cli.comparison import share
from runner.comparison.report import Comparison, from_json
from tests.projects import ScratchProject, add_diabetes


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScratchProject]:
    """Yield the sample with a registered version, and folders of other versions below `other`."""
    project = ScratchProject(tmp_path_factory.mktemp("compared"))
    project.write("Pulumi.yaml", "name: sample\nruntime: python\n")
    add_diabetes(project)
    registered = project.run("models", "register", "-f", "models/diabetes/model.yml")
    assert registered.returncode == 0, registered.stderr
    model = project.root / "models/diabetes/model"
    shutil.copytree(model, project.root / "other/moved")
    fitted = pickle.loads((model / "model.pkl").read_bytes())
    fitted[-1].intercept_ = fitted[-1].intercept_ + 0.3
    (project.root / "other/moved/model.pkl").write_bytes(pickle.dumps(fitted))
    shutil.copytree(model, project.root / "other/random")
    random = DummyClassifier(strategy="uniform").fit([[0], [1]], [0, 1])
    (project.root / "other/random/model.pkl").write_bytes(pickle.dumps(random))
    shutil.copytree(model, project.root / "other/wider")
    file = project.root / "other/wider/MLmodel"
    document = yaml.safe_load(file.read_text())
    columns = json.loads(document["signature"]["inputs"])
    columns[0]["type"] = "string"
    columns.append({"type": "double", "name": "Cholesterol", "required": True})
    document["signature"]["inputs"] = json.dumps(columns)
    file.write_text(yaml.safe_dump(document))
    yield project
    shutil.rmtree(project.root)


def compared(project: ScratchProject, *words: str, status: int = 0) -> Comparison:
    done = project.run("models", "compare", *words, "-o", "json")
    assert done.returncode == status, done.stderr
    return from_json(done.stdout)


def test_a_moved_model_changes_rows_that_are_counted_shown_and_written(
    project: ScratchProject,
) -> None:
    found = compared(
        project,
        *("1", "other/moved", "--fail-over", "3.5%", "--rows", "rows.csv", "--html", "page.html"),
        status=4,
    )
    assert (found.rows, found.changed) == (400, 15)
    assert found.answers[0].classes is not None
    assert found.answers[0].classes.matrix == ((296, 15), (0, 89))
    assert found.floor is not None
    assert (found.floor.rows, found.floor.changed) == (400, 0)
    assert (found.old.label, found.new.label) == ("diabetes-mlflow:1", "other/moved")
    assert (found.endpoint, found.deployment) == ("diabetes-batch", "mlflow")
    assert found.command == "runner models compare 1 other/moved"
    with (project.root / "rows.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 15
    assert {(row["old"], row["new"]) for row in rows} == {("0", "1")}
    page = (project.root / "page.html").read_text()
    assert "15 of 400 predictions change" in page
    assert "patients-1.csv" not in page
    # Nothing is left behind, no job was begun, and nothing was registered.
    assert not list((project.home / "comparisons").glob("*"))
    assert project.json("jobs", "list") == []
    assert len(project.json("models", "list")) == 1


def test_the_model_in_the_project_is_what_a_version_is_compared_with(
    project: ScratchProject,
) -> None:
    done = project.run("models", "compare", "diabetes-mlflow@latest")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "None of 400 predictions changes"
    assert lines[1].startswith("diabetes-mlflow:1 → models/diabetes/model (working tree), ")


def test_a_scoring_script_is_compared_by_its_lines(project: ScratchProject) -> None:
    found = compared(project, "1", "other/moved", "-d", "script")
    assert found.rows == 400
    by_name = {answer.name: answer for answer in found.answers}
    assert by_name["column 3"].changed == 15
    assert by_name["column 4"].numbers is not None
    assert by_name["column 4"].numbers.probabilities


def test_signatures_that_differ_are_named_by_their_columns(project: ScratchProject) -> None:
    found = compared(project, "1", "other/wider", "--fail-over", "100%", status=4)
    assert [(broken.kind, broken.side) for broken in found.breaks] == [
        ("signature", "new"),
        ("signature", "new"),
        ("refused", "new"),
    ]
    assert found.breaks[0].text == "column 'Pregnancies' was double and is string"
    assert "needs column 'Cholesterol' (double)" in found.breaks[1].text
    assert "Cholesterol" in found.breaks[2].text
    assert (found.rows, found.changed, found.share) == (0, 0, 0)


def test_a_model_that_answers_differently_each_time_is_named_and_its_share_taken_off(
    project: ScratchProject,
) -> None:
    found = compared(project, "other/random", "other/random")
    assert found.floor is not None
    assert found.floor.changed > 100
    assert found.share > 0.3
    assert found.above_floor < 0.2


def test_a_single_row_is_compared_as_the_deployment_that_has_the_model_would(
    project: ScratchProject,
) -> None:
    lines = (project.root / "data/diabetes/unlabeled/patients-1.csv").read_text().splitlines()
    project.write("few.csv", "\n".join(lines[:2]) + "\n")
    endpoint = project.root / "models/diabetes/batch-endpoint.yml"
    another = endpoint.read_text().replace("diabetes-batch", "another").split("defaults:")[0]
    project.write("models/another/batch-endpoint.yml", another)
    try:
        # A version alone is of the model whose folder is named beside it.
        words = ("1", "models/diabetes/model", "--data", "few.csv", "--fail-over", "0%")
        found = compared(project, *words)
    finally:
        shutil.rmtree(project.root / "models/another")
    assert (found.rows, found.endpoint) == (1, "diabetes-batch")
    assert found.segments.found == ()


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["1", "2"], 3, "model 'diabetes-mlflow' has no version '2'"),
        (["nothing:1", "2"], 2, "no deployment is declared of model 'nothing'"),
        (["1", "./nowhere"], 3, "no file or folder ./nowhere"),
        (["1", "data/diabetes/unlabeled/patients-1.csv"], 2, "needs a scoring script"),
        (["1", "--endpoint", "other"], 3, "no batch endpoint 'other'"),
        (["1", "--data", "https://example.org/a.csv"], 3, "is not on this machine"),
        (["a b:1"], 2, "allowed: 1 to 255 letters"),
    ],
)
def test_what_cant_be_compared_is_told_before_anything_is_scored(
    project: ScratchProject,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    status: int,
    told: str,
) -> None:
    monkeypatch.chdir(project.root)
    for name in ("RUNNER_HOME", "RUNNER_PROJECT", "RUNNER_ENV"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit) as ended:
        main(["models", "compare", *words])
    said = capsys.readouterr().err
    assert ended.value.code == status, said
    assert told in said
    assert "scoring diabetes" not in said
    assert not list((project.home / "comparisons").glob("*"))


@pytest.mark.parametrize("text", ["5", "101%", "-1%", "5%%", "٥%", "1e1%", "nan%", "%", ""])
def test_a_share_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no share of the rows"):
        share(click.Context(click.Command("compare")), click.Option(["--fail-over"]), text)


def test_a_workspace_that_cant_be_reached_is_told_in_a_line(
    project: ScratchProject, tmp_path: Path
) -> None:
    missing = str(tmp_path / "nothing.json")
    words = ("models", "compare", "1", "2", "--env", "prod", "--outputs", missing)
    done = project.run(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert not list((project.home / "comparisons").glob("*"))
