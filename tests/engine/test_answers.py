"""As many answers as Azure's own driver finds in what a model returned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.engine.drivers.answers import BadPredictions, as_answers


def lines_on_azure(returned: Any) -> int:
    """Return how many lines the published driver makes of what a model returned for a file.

    A DataFrame or a dict (its arrays made lists) becomes a DataFrame, where that can be, else one
    line. Anything else is gone through, and each element is a line. Raises TypeError for what
    can't be gone through.
    """
    if isinstance(returned, dict):
        returned = {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in returned.items()
        }
    if isinstance(returned, (pd.DataFrame, dict)):
        try:
            return len(pd.DataFrame(returned))
        except ValueError:
            return 1
    return sum(1 for _ in returned)


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates()
nested = values | st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=2)
elements = st.lists(nested, max_size=5)
arrays = st.integers(0, 4).flatmap(
    lambda rows: st.sampled_from([(rows,), (rows, 1), (rows, 3), (rows, 2, 2)]).map(np.ones)
)
column = elements.map(tuple) | elements | values | arrays.filter(lambda array: array.ndim == 1)
outputs = st.dictionaries(st.text(max_size=2), column, max_size=3)
frames = st.integers(0, 4).flatmap(
    lambda rows: st.integers(0, 3).map(lambda wide: pd.DataFrame(np.ones((rows, wide))))
)


@given(elements | elements.map(tuple) | elements.map(iter).map(list) | arrays | outputs | frames)
@settings(deadline=None, max_examples=200)
def test_there_are_as_many_answers_as_lines_on_azure(returned: Any) -> None:
    assert len(as_answers(returned)) == lines_on_azure(returned)


@pytest.mark.parametrize("returned", [None, 3, 2.5, np.array(3), np.float64(1), object()])
def test_what_azure_can_not_go_through_is_refused(returned: Any) -> None:
    with pytest.raises(TypeError):
        lines_on_azure(returned)
    with pytest.raises(BadPredictions, match="the model returned a single"):
        as_answers(returned)


@pytest.mark.parametrize(
    "returned",
    [
        pd.Series([1, 2], index=[5, 5]),
        pd.DataFrame({"a": [1, 2]}, index=[5, 5]),
        {"a": pd.Series([1, 2]), "b": pd.Series([3, 4], index=[1, 2])},
        {"a": {"x": 1, "y": 2}, "b": {"x": 3}},
        {"a": np.ones((2, 3)), "b": [1, 2]},
        {"a": np.array([[1], [1, 2]], dtype=object)},
        {"a": pd.date_range("2024", periods=3), "b": "x"},
        {1: [1, 2], (2, 3): [3, 4]},
        pd.Index([1, 2, 3]),
        np.matrix([[1, 2], [3, 4]]),
        {"x", "y"},
    ],
    ids=lambda returned: type(returned).__name__,
)
def test_what_is_unusual_has_as_many_answers_too(returned: Any) -> None:
    assert len(as_answers(returned)) == lines_on_azure(returned)
