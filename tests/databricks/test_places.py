from __future__ import annotations

from pathlib import Path

import pytest

from runner.databricks.places import place_of


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("dbfs:/Volumes/c/s/v/a", "/Volumes/c/s/v/a"),
        ("dbfs:///Volumes/c/s/v/a/", "/Volumes/c/s/v/a"),
        ("/Volumes/c/s/v/a/", "/Volumes/c/s/v/a"),
        (Path("/Volumes/c/s/v/a"), "/Volumes/c/s/v/a"),
        ("abfss://c@a.dfs.core.windows.net/x/", "abfss://c@a.dfs.core.windows.net/x"),
        ("dbfs:/FileStore/a", None),
        ("https://example.com/a", None),
        (Path("/tmp/a"), None),  # noqa: S108
    ],
)
def test_every_form_of_a_place_means_the_same(path: Path | str, place: str | None) -> None:
    assert place_of(path) == place
