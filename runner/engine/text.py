"""Text that must stay one line: errors, and names out of files."""

from __future__ import annotations


def one_line(text: object) -> str:
    """Return anything's text with its line breaks and runs of blanks folded to single blanks."""
    return " ".join(str(text).split())
