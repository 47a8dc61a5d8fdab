"""The error for a file that can't be read, and the words in which that is said."""

from __future__ import annotations

from collections.abc import Sequence

_LONGEST_SHOWN = 60  # characters of a cell in a message
_MOST_LISTED = 20  # names in a message
# The first bytes of files that are no UTF-8 text, and what to do with such files.
_BEGINNINGS = {
    b"\x1f\x8b": "is compressed by gzip: unpack it, files are read as they are",
    b"PK\x03\x04": "is a ZIP archive or an Excel file: save what is in it as CSV",
    b"PAR1": "is a Parquet file: let its name end in .parquet",
    b"\xff\xfe": "is UTF-16, not UTF-8 text: convert it with `iconv -f utf-16 -t utf-8`",
    b"\xfe\xff": "is UTF-16, not UTF-8 text: convert it with `iconv -f utf-16 -t utf-8`",
}


class BadFile(Exception):
    """A file that can't be read as the model wants it; its text says why, without the name."""


def with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def not_text(first_line: bytes) -> str | None:
    """Say what a file is that is no CSV, by its first line; None where that tells nothing."""
    for mark, what in _BEGINNINGS.items():
        if first_line.startswith(mark):
            return what
    return "is not a text file: its first line holds zero bytes" if b"\0" in first_line else None


def listed(names: Sequence[str]) -> str:
    """List names for a message: of very many, the first ones and how many more there are."""
    more = len(names) - _MOST_LISTED
    first = ", ".join(map(shown, names[:_MOST_LISTED]))
    return f"{first} and {more:,} more" if more > 0 else first


def shown(text: str) -> str:
    """Quote a cell for a message, so that its blanks and line breaks are seen."""
    return repr(text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…")
