from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from runner.engine.mlmodel import read_mlmodel
from runner.engine.pickle_names import modules

from .models import inputs, lay_model


def test_pandas_is_imported_once_for_all_workers_where_a_model_will_be_given_data_frames(
    tmp_path: Path,
) -> None:
    content = pickle.dumps(make_column_transformer((StandardScaler(), ["x"])))
    model = read_mlmodel(lay_model(tmp_path / "m", inputs(x="double"), pickle=content))
    assert "pandas" in modules(model)


def test_the_modules_of_a_pickle_are_found_without_running_it(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (pytest.fail, ("the pickle was run",))

    content = pickle.dumps([make_pipeline(StandardScaler(), LogisticRegression()), Trap()])
    model = read_mlmodel(lay_model(tmp_path / "m", inputs(x="double"), pickle=content))
    assert modules(model) == [
        "sklearn.linear_model._logistic",
        "sklearn.pipeline",
        "sklearn.preprocessing._data",
    ]
    (tmp_path / "m" / "model.pkl").unlink()
    assert modules(model) == []
