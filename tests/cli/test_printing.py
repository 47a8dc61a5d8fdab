from __future__ import annotations

import os
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from runner.cli import printing
from runner.workspace import Summary


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Return a terminal of 40 columns, to be put in stdout's place by the test."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(printing, "columns", lambda _stream: 40)
    return Terminal()


def test_columns_are_aligned_and_numbers_stand_to_the_right(
    capsys: pytest.CaptureFixture[str],
) -> None:
    printing.print_table(["name", "count", "note"], [["a", 5, None], ["longer", 1000, "x"]])
    assert capsys.readouterr().out == ("name    count  note\na           5\nlonger   1000  x\n")


def test_wide_and_combining_characters_stay_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    printing.print_table(["a", "b"], [["데이터", "1"], ["e\u0301", "2"], ["abcdef", "3"]])
    assert capsys.readouterr().out.splitlines()[1:] == [
        "데이터  1",
        "e\u0301       2",
        "abcdef  3",
    ]


def test_control_characters_cannot_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    printing.print_table(["a\x1b[2J\n"], [["x\x1b[31m\ny\udce9"]])
    assert capsys.readouterr().out == "a\\x1b[2J\\n\nx\\x1b[31m\\ny\\udce9\n"


def test_a_table_is_cut_to_the_terminal(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys, "stdout", terminal)
    printing.print_table(["name", "description"], [["a", "word " * 20]])
    lines = terminal.getvalue().splitlines()
    assert all(len(line) <= 40 for line in lines)
    assert lines[1].startswith("a     word word")
    assert lines[1].endswith("..")


def test_the_first_column_is_never_cut(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", terminal)
    printing.print_table(["job", "description"], [["j" * 30, "word " * 20]])
    assert "j" * 30 in terminal.getvalue()
    assert "word w..\n" in terminal.getvalue()


def test_a_table_is_whole_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    printing.print_table(["name", "description"], [["a", "x" * 500]])
    assert "x" * 500 in capsys.readouterr().out


@pytest.mark.parametrize(
    ("variable", "value", "coloured"),
    [("TERM", "xterm", True), ("TERM", "dumb", False), ("NO_COLOR", "1", False)],
)
def test_colour_is_for_terminals_that_want_it(
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    coloured: bool,
) -> None:
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr(sys, "stdout", terminal)
    printing.print_table(["name"], [["a"]])
    assert ("\x1b[" in terminal.getvalue()) is coloured


def test_no_colour_goes_into_a_pipe() -> None:
    assert printing.styled("x", StringIO(), fg="red") == "x"


def test_a_detail_of_several_lines_goes_on_under_itself(
    capsys: pytest.CaptureFixture[str],
) -> None:
    printing.print_details({"one": 1, "several": ["a", "b"]})
    assert capsys.readouterr().out == "one      1\nseveral  a\n         b\n"


@pytest.mark.parametrize(
    ("text", "limit", "left"),
    [("abcdef", 6, "abcdef"), ("abcdef", 5, "abc.."), ("데이터", 5, "데.."), ("abc", 1, ".")],
)
def test_what_is_cut_off_ends_in_dots(text: str, limit: int, left: str) -> None:
    assert printing.cut(text, limit) == left
    assert printing.width(left) <= limit


def test_a_stream_that_is_no_terminal_has_80_columns() -> None:
    with Path(os.devnull).open() as stream:
        assert printing.columns(stream) == 80
    assert printing.columns(StringIO()) == 80


def summary(**more: Any) -> Summary:
    figures = {"seconds": 1.0, "rows_per_second": 4.0, "output": None, "report": None}
    counts = {"rows": 4, "files": 1, "failed_files": 0, "mini_batches": 1, "retries": 0}
    return Summary(job="j", status="Completed", **{"predictions": {}, **figures, **counts, **more})


def numbers(low: float, median: float, mean: float, high: float) -> dict[str, float]:
    return {"count": 4, "min": low, "median": median, "mean": mean, "max": high}


def test_numbers_are_told_by_their_figures() -> None:
    columns = {"prediction": numbers(25, 140.123456789, 1234567.5, 9007199254740993)}
    assert printing.summary_details(summary(columns=columns))["predictions"] == [
        "min 25  median 140.123  mean 1,234,568  max 9,007,199,254,740,993"
    ]


def test_classes_stand_in_the_order_they_are_given_in() -> None:
    columns = {"prediction": {"classes": {"2": 3, "10": 1}}}
    details = printing.summary_details(summary(columns=columns, predictions={"2": 3, "10": 1}))
    assert details["predictions"] == ["2   3   75.0%", "10  1   25.0%"]


def test_several_columns_are_a_line_each() -> None:
    labels = {"classes": {f"class {number}": 10 - number for number in range(7)}}
    columns = {"label": labels, "score": numbers(0.1, 0.25, 0.3, 1e-9), "empty": {"classes": {}}}
    assert printing.summary_details(summary(columns=columns))["predictions"] == [
        "label  class 0 20.4%, class 1 18.4%, class 2 16.3%, class 3 14.3%, class 4 12.2%, 2 more",
        "score  min 0.1  median 0.25  mean 0.3  max 1e-09",
        "empty  ",
    ]


def test_a_summary_of_an_earlier_version_tells_its_classes() -> None:
    details = printing.summary_details(summary(predictions={"0": 4}))
    assert details["predictions"] == ["0  4  100.0%"]
    assert "predictions" not in printing.summary_details(summary())
