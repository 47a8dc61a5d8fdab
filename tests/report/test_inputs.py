"""The section of the inputs."""

from __future__ import annotations

import pyarrow as pa

from runner.profile.profile import Profile, without_rare
from runner.profile.sketch import Profiler
from runner.report.inputs import inputs


def profile(columns: dict[str, object]) -> Profile:
    profiler = Profiler()
    profiler.add({name: pa.array(values) for name, values in columns.items()}, None, {}, 40)
    found = profiler.finish()
    assert found is not None
    return without_rare(found, b"key")


def test_a_column_is_a_line_with_its_range_or_its_kinds_and_what_is_missing() -> None:
    page = inputs(
        profile(
            {
                "<age>": [*range(20, 50), *[None] * 10],
                "town": ["<Oslo>"] * 30 + ["Bergen"] * 10,
                "name": [f"person {row}" for row in range(40)],
                "list": [[1]] * 40,
                "none": [None] * 40,
            }
        )
    )
    for line in (
        "<dt>&lt;age&gt;</dt><dd>From 20 to 49, mean 34.5. 25.0&nbsp;% missing.</dd>",
        "<dt>town</dt><dd>2 kinds. &lt;Oslo&gt; is the most frequent, 75.0&nbsp;%.</dd>",
        "<dt>name</dt><dd>40 kinds.</dd>",
        "<dt>list</dt><dd>40 values.</dd>",
        "<dt>none</dt><dd>No values. 100&nbsp;% missing.</dd>",
    ):
        assert line in page
    assert "person" not in page
    assert "5 columns of 40 rows." in page


def test_without_a_profile_or_of_many_columns_there_is_nothing() -> None:
    assert inputs(None) == ""
    assert inputs(Profile(3)) == ""
    assert inputs(profile({f"c{number}": [1.0] * 40 for number in range(41)})) == ""
