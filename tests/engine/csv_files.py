"""CSV files as people, programs and accidents write them, for properties to be held against."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from unittest import mock

from hypothesis import strategies as st

from runner.engine.drivers import csv_table, csv_text, cutting

KINDS = ("boolean", "integer", "long", "float", "double", "string", "binary")
PANDAS_TYPES = {
    "boolean": "bool",
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "string": "object",
    "binary": "object",
}

_NUMBERS = (
    *("0", "1", "2", "-7", "1.0", "+5", "1e3", "1E+2", "-7.", ".5", " 7 ", "\t8", "1_000", "007"),
    *("inf", "-inf", "+Inf", "Infinity", " inf", "nan", "NaN", "NAN", "-nan", "+nan", "1e300"),
    *("1e400", "1e-400", "9007199254740993", "2147483648", "-2147483649", "9223372036854775807"),
    *("9223372036854775808", "99999999999999999999999", "0x10", "0X1f", "1e", "1e 5", "+", "."),
    *("3.14159265358979323846264338327950288", "1e-5", "-0", "0.0", "1\x0b", "+ 5", "--1", "1d3"),
)
_WORDS = ("True", "true", "TRUE", "tRuE", "False", "false", "FALSE", " true", "yes", "T")
_MISSING = ("", "NA", "N/A", "null", "None", "<NA>", "#N/A", " NA", "NULL", "-NaN")
_TEXTS = (
    "x",
    "a b",
    " lead",
    "trail ",
    "é",
    "日本",
    "\ufeff",
    "x\0y",
    "\0",
    "#",
    "1,5",
    " ",
    "\t ",
)
_CELLS = st.sampled_from([*_NUMBERS, *_WORDS, *_MISSING, *_TEXTS])
_LINE_ENDS = st.sampled_from(
    ["\n"] * 6 + ["\r\n"] * 4 + ["\r", "\n\n", "\r\n\r\n", "\n \n", "\n\t \r\n"]
)
_QUOTED = st.sampled_from(["", "a", '""', ",", "\n", "\r\n", "\r", " ", "1", "é", '""""'])


_PIECES = (
    *(b'"', b",", b"\n", b"\r", b"\r\n", b" ", b"\t", b"a", b"1", b"0", b"2.5", b"true", b"\0"),
    *(b"\xef\xbb\xbf", b"\xc3\xa9", b'""', b'"x"', b'"x,y"', b'"\n"', b"NA", b"1,2\n", b"\r\r"),
)


@st.composite
def _cell(draw: st.DrawFn, kind: st.SearchStrategy[str]) -> str:
    how = draw(st.integers(0, 19))
    text = draw(kind)
    if how < 12:
        return text
    if how < 16:
        return '"' + "".join(draw(st.lists(_QUOTED, max_size=3))) + text + '"'
    return draw(
        st.sampled_from(
            [
                f'"{text}"',
                f'"{text}',  # a quote that isn't closed here
                f'{text}"',
                f'"{text}"x',  # text after a closing quote
                f'"{text}" ',
                f' "{text}"',
                f'6"{text}',
                '"6"" pipe"',
                '"6" pipe"',
                '"',
                '""',
                '"""',
            ]
        )
    )


_OF_ONE_KIND = (
    st.sampled_from(["0", "1", "2", "-7", "1.0", "+5", "1e3", " 7 ", "007"]),
    st.sampled_from(["1.5", "1e-5", ".5", "-7.", "inf", "NA", "", "1e300", "NaN"]),
    st.sampled_from(_WORDS),
    st.sampled_from(["True", "false", "NA"]),
    st.sampled_from(["0", "1", "1.0"]),
    st.sampled_from(_NUMBERS),
    _CELLS,
)


@st.composite
def csv_bytes(draw: st.DrawFn) -> bytes:
    """Return a file of a header and some rows, each a little or very wrong now and then; or a
    header before pieces in no order at all."""
    if draw(st.integers(0, 2)) == 0:
        header = draw(st.sampled_from([b"a,b\n", b"a,b\r\n", b"a\n", b"a\r", b"a,b\n1,2\n", b""]))
        return header + b"".join(draw(st.lists(st.sampled_from(_PIECES), max_size=14)))
    width = draw(st.integers(1, 3))
    plain = draw(st.booleans())
    kinds = [draw(st.sampled_from(_OF_ONE_KIND)) for _ in range(width)]
    names = draw(
        st.lists(
            st.sampled_from(["a", "b", "c", "a", "a.1", "", "é", '"a"', '"b\nc"']),
            min_size=width,
            max_size=width,
        )
        if draw(st.integers(0, 3)) == 0
        else st.just(["a", "b", "c"][:width])
    )
    text = draw(st.sampled_from([""] * 8 + ["\ufeff", "\n", "\r", " \n", "\ufeff\n"]))
    text += ",".join(names) + draw(_LINE_ENDS)
    line_end = draw(_LINE_ENDS)
    for _ in range(draw(st.integers(0, 8))):
        cells = [draw(kind if plain else _cell(kind)) for kind in kinds]
        how = draw(st.integers(0, 30))
        if how == 0:
            cells.append(draw(_CELLS))
        elif how == 1:
            cells.pop()
        elif how == 2:
            cells = [draw(st.sampled_from(["", " ", "\t", " \t ", ",", " ,"]))]
        text += ",".join(cells) + (line_end if draw(st.integers(0, 4)) else draw(_LINE_ENDS))
    content = text.encode()
    how = draw(st.integers(0, 9))
    at = draw(st.integers(0, len(content)))
    if how == 0:
        return content[:at]
    if how == 1:
        stray = draw(st.sampled_from([b"\xff", b"\xe9", b"\0", b'"', b"\r", b"\n", b",", b" "]))
        return content[:at] + stray + content[at:]
    return content


@contextlib.contextmanager
def looking_at(size: int) -> Iterator[None]:
    """Have a small file looked at in as many pieces as a large one is, of so many bytes each.

    Arrow takes an empty line for the end of the file where blocks are of one byte.
    """
    with (
        mock.patch.object(csv_table, "_BLOCK", max(2, size)),
        mock.patch.object(csv_text, "_FIRST_READ", size),
        mock.patch.object(csv_text, "_WINDOW", size),
        mock.patch.object(cutting, "_WINDOW", size),
    ):
        yield
