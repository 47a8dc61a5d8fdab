"""The section of the facts."""

from __future__ import annotations

from .pages import page
from .reports import attempt, report


def test_the_snippet_reads_the_output_whatever_its_path() -> None:
    path = '/out/it\'s "odd" \\ <b>\udcff.csv'
    code = page(report([attempt(0, {"a.csv": 1})], output=path)).find("pre")[0].text
    called = {}

    class Pandas:
        @staticmethod
        def read_csv(path: str, **options: object) -> None:
            called[path] = options

    statement = code.partition("import pandas as pd")[2]
    exec(statement, {"pd": Pandas})  # noqa: S102 - the very text a person pastes
    assert called == {path: {"index_col": 0, "names": ["row", "prediction", "file"]}}


def test_an_output_without_known_columns_is_read_without_a_header() -> None:
    shown = report([attempt(0, {"a.csv": 1})], columns=())
    assert "header=None" in page(shown).find("pre")[0].text


def test_a_script_that_writes_its_own_output_gets_no_snippet() -> None:
    shown = report([attempt(0, {"a.csv": 1})], settings={"output_action": "summary_only"})
    assert page(shown).find("pre") == []
