"""MLflow models without a script, held against the recorded answers of Azure's own code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from runner.engine.mlmodel import read_mlmodel
from runner.local.serving.answer import Answer
from runner.local.serving.mlflow_scorer import MlflowScorer, PyfuncModel, SklearnModel, load

from .recorded_models import MODELS
from .recorded_requests import requests_of
from .recording import FOLDER, Recorded, kept_body, kept_headers, read

FAST = ("sample", "numbers", "numbers-by-example", "labels")

# Where this project answers what Azure refuses, by patterns of models and their requests, and why.
# Such an answer has a notice.
TAKEN = {
    ".*/(dataframe_split|dataframe_records|instances|instances by rows|inputs)": (
        "these are forms of MLflow's own server"
    ),
    ".*/(rows|single row|split without columns)|counted/tensor .*": (
        "rows without names are taken by position"
    ),
    ".*/(records|columns of lists|columns of cells)": "each cell has its name",
    "(no-signature|.*-example|langchain)/"
    "(split.*|surplus key|both forms|params .*|[ant] .*|tensor {.*)": (
        "without a signature pandas 3 reads no table on Azure"
    ),
}
# Where the fast scorer gives another answer, without a notice, by the requests' names.
OTHERWISE = {
    "index too large": "the labels of rows go to no model",
    "surplus cell too large": "columns that the model has not go to no model",
    **dict.fromkeys(
        (f"{column} -20003957821599748757" for column in "abcd"),
        "pandas' parser makes another number of one with more bits; here it is refused",
    ),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("models")

    class Folders(dict[str, Path]):
        def __missing__(self, name: str) -> Path:
            self[name] = base / name
            MODELS[name](self[name])
            return self[name]

    return Folders()


def scorers() -> list[tuple[str, str]]:
    return [(name, "pyfunc") for name in MODELS] + [(name, "fast") for name in FAST]


@pytest.mark.parametrize(("name", "way"), scorers())
def test_the_answers_are_those_of_azures_code(
    folders: dict[str, Path], name: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("traceback.print_exception", lambda *_: None)  # hundreds of them
    folder = folders[name]
    scorer = load(folder) if way == "fast" else MlflowScorer(PyfuncModel(read_mlmodel(folder)))
    assert isinstance(scorer.model, SklearnModel if way == "fast" else PyfuncModel)
    recorded = read(FOLDER / f"{name}.json")
    asked = list(requests_of(name))
    assert recorded.keys() == {case for case, _ in asked}
    wrong = []
    for case, request in asked:
        answer = scorer.score(request)
        if difference := compared(f"{name}/{case}", way, recorded[case], answer):
            wrong.append(difference)
    assert wrong == []


def compared(name: str, way: str, recorded: Recorded, answer: Answer) -> str | None:
    """Tell the difference of an answer from the recorded one, unless it is meant to be."""
    if answer.notice is not None:
        taken = any(re.fullmatch(pattern, name) for pattern in TAKEN)
        fits = taken and recorded.status >= 400 and answer.status == 200
        if fits and answer.notice.startswith("Azure answers 424 to this: "):
            return None
        return f"{name}: {recorded.status} with a notice: {answer.notice}"
    difference = _difference(name, recorded, answer)
    if way == "fast" and name.partition("/")[2] in OTHERWISE:
        return None if difference else f"{name}: it is as on Azure by now"
    return difference


def _difference(name: str, recorded: Recorded, answer: Answer) -> str | None:
    body, headers = kept_body(answer.status, answer.body), kept_headers(answer.headers)
    if answer.status != recorded.status:
        return f"{name}: {recorded.status} {recorded.body}, but {answer.status} {answer.body!r}"
    if answer.status >= 400 and answer.body:
        assert list(json.loads(answer.body)) == ["message"]
    if headers.get("content-type", "").startswith("application/json") and '"Service' in body:
        same = json.loads(body) == json.loads(recorded.body)
    else:
        same = body == recorded.body
    if not same:
        return f"{name}: {recorded.body}, but {body}"
    if headers != recorded.headers:
        return f"{name}: {recorded.headers}, but {headers}"
    return None
