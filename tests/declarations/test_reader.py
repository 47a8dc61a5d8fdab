from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.declarations import DeclarationError
from runner.declarations.document import read_document
from runner.declarations.reader import Text, at_least, between, read_record

from .conftest import Write, patient


@dataclass(frozen=True)
class Inner:
    count: int = 1


@dataclass(frozen=True)
class Sample:
    name: str
    count: Annotated[int, at_least(1)] = 1
    share: Annotated[float, between(0, 1)] | None = None
    flag: bool = False
    action: Literal["append_row", "summary_only"] = "append_row"
    path: Path | None = None
    words: tuple[str, ...] = ()
    tags: Mapping[str, Text] = field(default_factory=dict)
    open: Any = None
    inner: Inner = field(default_factory=Inner)


def sample(write: Write, text: str) -> Sample:
    return read_record(read_document(write("s.yml", text)), Sample)


def wrong(write: Write, text: str) -> list[str]:
    with pytest.raises(DeclarationError) as caught:
        sample(write, text)
    return [f"{problem.line}: {problem.key}: {problem.text}" for problem in caught.value.problems]


def test_a_record_is_read_by_its_types(write: Write, tmp_path: Path) -> None:
    text = """
        name: a
        count: 1_000
        share: 0.5
        flag: yes
        action: AppendRow
        path: sub/../file.txt
        words: [x, y]
        tags: {a: 1.10, b: true, c: , d: text}
        open: {a: [1, 0.5, no, ~, 012, 2024-01-01, x]}
        inner: {count: -3}
    """
    assert sample(write, text) == Sample(
        name="a",
        count=1000,
        share=0.5,
        flag=True,
        action="append_row",
        path=tmp_path / "file.txt",
        words=("x", "y"),
        tags={"a": "1.10", "b": "true", "c": "", "d": "text"},
        open={"a": [1, 0.5, False, None, "012", "2024-01-01", "x"]},
        inner=Inner(-3),
    )


def test_absent_keys_have_their_defaults(write: Write) -> None:
    assert sample(write, "name: a\n") == Sample(name="a")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("count: true", "count: found the boolean 'true', allowed: a whole number"),
        ('count: "10"', "count: found the text '10', allowed: a whole number"),
        ("count: 1.0", "count: found the number '1.0', allowed: a whole number"),
        ("count: 0", "count: found the number '0', allowed: 1 or more"),
        ("count: 012", "count: found the number '012', allowed: a whole number in plain digits"),
        ("count: 1:30", "count: found the number '1:30', allowed: a whole number in plain digits"),
        ("count: 0x1F", "count: found the number '0x1F', allowed: a whole number in plain"),
        ("count: " + "9" * 5000, "count: found the number '9999"),
        ("count:", "count: found nothing, allowed: a whole number"),
        ("count: [1]", "count: found a list, allowed: a whole number"),
        ("share: 1.5", "share: found the number '1.5', allowed: 0 to 1"),
        ("share: .inf", "share: found the number '.inf', allowed: a number"),
        ("share: 1.0e+999", "share: found the number '1.0e+999', allowed: a number"),
        ("share: .nan", "share: found the number '.nan', allowed: a number"),
        ("share: high", "share: found the text 'high', allowed: a number"),
        ("flag: 1", "flag: found the number '1', allowed: true or false"),
        ('flag: "yes"', "flag: found the text 'yes', allowed: true or false"),
        ("action: append", "action: found the text 'append', allowed: append_row or summary_only"),
        ("path: ''", "path: found the text '', allowed: a path"),
        ("words: x", "words: found the text 'x', allowed: a list"),
        ("words: [x, 1]", "words[1]: found the number '1', allowed: text, in quotes: \"1\""),
        ("tags: [x]", "tags: found a list, allowed: a mapping of keys to values"),
        ("tags: {a: [x]}", "tags.a: found a list, allowed: a single value"),
        ("inner: 3", "inner: found the number '3', allowed: a mapping of keys to values"),
        ("inner: {cont: 3}", "inner.cont: unknown key; did you mean 'count'?"),
        ("acton: append_row", "acton: unknown key; did you mean 'action'?"),
        ("file: x", "file: unknown key"),
        ("$schema: x", "$schema: unknown key"),
    ],
)
def test_a_wrong_value_says_what_was_found_and_what_is_allowed(
    write: Write, line: str, problem: str
) -> None:
    (found,) = wrong(write, f"name: a\n{line}\n")
    assert found.startswith(f"2: {problem}")


def test_all_problems_come_at_once_and_one_a_line(write: Write) -> None:
    text = "count: x\nnmae: a\ninner: {count: y}\nwords: [1, 2]\n"
    with pytest.raises(DeclarationError) as caught:
        sample(write, text)
    assert [problem.key for problem in caught.value.problems] == [
        "count",
        "nmae",
        "inner.count",
        "words[0]",
        "words[1]",
        "name",
    ]
    assert len(str(caught.value).splitlines()) == 6


def test_a_name_that_is_a_boolean_in_yaml_asks_for_quotes(write: Write) -> None:
    (found,) = wrong(write, "name: on\n")
    assert found == "1: name: found the boolean 'on', allowed: text, in quotes: \"on\""


def test_a_very_long_value_is_shown_short_and_on_one_line(write: Write) -> None:
    (found,) = wrong(write, "name: a\naction: |\n" + "  long line\n" * 100)
    assert len(found) < 200
    assert "\n" not in found


@patient
@given(value=st.integers(-(10**15) + 1, 10**15 - 1))
def test_any_whole_number_is_read_as_itself(
    value: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / "number.yml"
    file.write_text(f"count: {value}\n")
    assert read_record(read_document(file), Inner) == Inner(value)
