"""The recipes of the documents, run as they are written there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.engine.job import score
from tests.projects import ROOT

_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILES = {
    "a.csv": b"id,x,y\nkim,0,1\nlee,9,8\n",
    "b.csv": b"id,x,y\nhan,1,0\n",
    "broken.csv": b"id,x,y\nseo,far,0\n",
}


def recipe(heading: str) -> list[str]:
    """Return the blocks of Python under a heading."""
    text = (ROOT / "docs" / "concepts" / "batch-jobs.md").read_text()
    section = re.split(r"^##", text.partition(f"# {heading}\n")[2], flags=re.MULTILINE)[0]
    return _BLOCK.findall(section)


def run(code: str, **names: Any) -> dict[str, Any]:
    exec(code, names)  # noqa: S102
    return names


@pytest.fixture
def classifier() -> Any:
    import pandas as pd
    from sklearn.linear_model import LogisticRegression

    patients = pd.DataFrame({"x": [0.0, 1.0, 8.0, 9.0], "y": [1.0, 0.0, 9.0, 8.0]})
    return LogisticRegression().fit(patients, [0, 0, 1, 1])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # MLflow guesses a model's packages for seconds, and nothing here reads them.
    monkeypatch.setenv("MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT", "0")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def publish(folder: Path) -> None:
    """Score the files with the model in the folder; the predictions lie there, too."""
    import yaml

    described = folder / "model" / "MLmodel"
    content = yaml.safe_load(described.read_text())
    columns = ", ".join(f'{{"name": "{name}", "type": "double"}}' for name in "xy")
    content["signature"] = {"inputs": f"[{columns}]"}
    described.write_text(yaml.safe_dump(content))
    outcome = score(folder, FILES, model=folder / "model", error_threshold=-1)
    assert outcome.output is not None, outcome.error
    (folder / "predictions.csv").write_bytes(outcome.output)


@pytest.mark.filterwarnings("ignore")
def test_probabilities_are_saved_and_read_as_the_document_says(
    folder: Path, classifier: Any
) -> None:
    save, read = recipe("Probabilities")
    run(save, classifier=classifier)
    publish(folder)
    probabilities = run(read)["probabilities"]
    assert probabilities.shape == (3, 2)
    assert probabilities.sum(axis=1).tolist() == pytest.approx([1, 1, 1])
    assert probabilities[1].round().tolist() == [0, 1, 0]


@pytest.mark.filterwarnings("ignore")
def test_predictions_join_the_columns_of_their_files_as_the_document_says(
    folder: Path, classifier: Any
) -> None:
    import mlflow.sklearn

    mlflow.sklearn.save_model(classifier, str(folder / "model"), pip_requirements=[])
    publish(folder)
    (read,) = recipe("What predictions.csv holds")
    assert run(read)["predictions"]["prediction"].tolist() == [0, 1, 0]
    (join,) = recipe("Predictions beside your own columns")
    joined = run(join)["joined"].set_index("id")["prediction"]
    assert joined.dropna().to_dict() == {"kim": 0, "lee": 1, "han": 0}
    assert joined.isna().sum() == 1
