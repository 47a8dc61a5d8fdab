"""A comparison on a pull request: short, and nobody's names do anything there."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace

import pytest

from runner.comparison.markdown import escaped, to_markdown
from runner.comparison.quoting import quoted
from runner.comparison.report import Break, Comparison, Segment, Segments
from tests.comparison.reports import HOSTILE, hostile_report, report


def test_the_verdict_stands_in_the_first_line_in_bold() -> None:
    first = to_markdown(report()).splitlines()[0]
    assert first == "**38 of 400 predictions change (9.5 %)**: 20 from 0 to 1, 18 from 1 to 0"


def test_the_matrix_the_checks_and_the_command_follow() -> None:
    text = to_markdown(report())
    assert "| old \\ new | 0 | 1 |\n|---|---:|---:|\n| 0 | 250 | 20 |\n| 1 | 18 | 112 |\n" in text
    assert "no more than by chance (McNemar, mid-p, p = 0.75)" in text
    assert "where bmi 31.2 to 40&#" not in text
    assert "where bmi 31.2 to 40: 25 % of 100 rows change (p = 0.004)" in text
    assert "packages&#58;&#8203; scikit-learn 1.8.0 → 1.9.0" in text
    assert text.endswith("\n\n```sh\nrunner models compare 2 3\n```\n")


def _much(answers: int) -> Comparison:
    """Return a report that has more of everything than there is room for."""
    made = report()
    answer = replace(made.answers[0], name="x" * 200)
    assert answer.classes is not None
    names, matrix = tuple("abcdef"), ((9,) * 6,) * 6
    answer = replace(answer, classes=replace(answer.classes, names=names, matrix=matrix))
    return replace(
        made,
        breaks=(Break("signature", "new", "y" * 1000),) * 100,
        answers=(answer,) * answers,
        segments=Segments(1000, (Segment("z" * 200, "= q", 100, 99, 0.0),) * 10),
        notices=("n" * 1000,) * 100,
    )


@pytest.mark.parametrize(
    "made", [report(), hostile_report(), _much(1), _much(20), report(rows=0, changed=0)]
)
def test_it_has_at_most_25_lines_and_little_of_each(made: Comparison) -> None:
    for most in (12, 18, 25):
        text = to_markdown(made, most)
        assert len(text.splitlines()) <= most
        assert len(text) < 30_000
    assert ("| a |" in to_markdown(made)) == (made == _much(1))


def test_no_name_becomes_markup_a_mention_or_a_link() -> None:
    text, _, command = to_markdown(hostile_report()).partition("\n```sh\n")
    # In a fence nothing has a meaning but what closes it.
    assert command.count("\n") == 2
    assert command.endswith("\n```\n")
    assert "<script" not in text
    assert "`" not in text
    assert "@everyone" not in text
    assert "javascript:" not in text
    assert "\x1b" not in text
    # The only pipes are those of tables, and there are no tags.
    assert not re.findall(r"</?\w+", text)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} <= {4}
    assert not re.search(r"^\s*#", text, re.MULTILINE)


def test_segments_of_few_rows_are_left_out() -> None:
    text = to_markdown(hostile_report())
    assert "small" not in text
    assert "of 40 rows change" in text


@pytest.mark.parametrize(
    "name",
    ["@org/team", "#12", "https://evil.example", "www.evil.example", "a*b*", "_x_", "~~x~~"],
)
def test_what_github_makes_links_and_markup_of_is_shown_as_it_is(name: str) -> None:
    shown = escaped(name)
    assert name not in shown
    plain = re.sub(r"&#\d+;", "·", shown)
    assert not re.search(r"[@#*_~`<>\[\]|]|:/|www", plain)


@pytest.mark.parametrize("name", ["x_y", "$HOME & @x", "it's", "a```b", "two\nlines", "<b>*é*"])
def test_the_command_can_be_copied(name: str) -> None:
    words = ["runner", "models", "compare", "a:1", "b:2", "--data", f"data/{name}"]
    lines = to_markdown(report(command=quoted(words))).splitlines()
    fence = lines[-1]
    assert lines[-3] == f"{fence}sh"
    assert set(fence) == {"`"}
    assert fence not in lines[-2]
    done = subprocess.run(
        ["bash", "-c", f'runner() {{ printf "%s\\0" runner "$@"; }}; {lines[-2]}'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\0")[:-1] == words


def test_a_long_name_and_odd_signs_are_cut_and_replaced() -> None:
    assert len(escaped("x" * 10_000_000)) == 300
    assert escaped("a\u202eb\ud800c\n\td") == "a\ufffdb\ufffdc  d"
    assert escaped("größe") == "größe"
    assert HOSTILE not in escaped(HOSTILE)
