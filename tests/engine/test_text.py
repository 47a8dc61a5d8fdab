"""Text that must stay one line."""

from __future__ import annotations

import pytest

from runner.engine.text import one_line


@pytest.mark.parametrize(
    ("text", "line"),
    [(" a \r\n\tb\u2028c ", "a b c"), (ValueError("two\nlines"), "two lines"), ("", "")],
)
def test_line_breaks_and_blanks_are_folded(text: object, line: str) -> None:
    assert one_line(text) == line
