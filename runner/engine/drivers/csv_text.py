"""Finding the rows and cells of a CSV file exactly where pandas' C tokenizer finds them.

The rules are those of `pandas/_libs/src/parser/tokenizer.c` under the defaults of `read_csv`:

- A row ends with LF, CRLF or a lone CR. A line of spaces and tabs alone is no row.
- A quote opens a quoted part only as the first character of a cell. In it a doubled quote is a
  quote; after it the rest of the cell is taken as it is written, quotes too.
- A quoted part that is still open at the end of the file is an error.
- A comma right after a line without a row that ends with a lone CR is dropped, unless blanks and
  then more of a row follow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, TypeVar, Union

from runner.engine.drivers.bad_file import BadFile, not_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Text = Union[bytes, memoryview]
_Found = TypeVar("_Found")

BOM = b"\xef\xbb\xbf"
_LINE = re.compile(rb'([^"\r\n]*)(\r\n?|\n|\Z)')  # a line without a quote
_CELL = re.compile(
    rb'(?:"([^"]*(?:""[^"]*)*)"(?!")([^,\r\n]*)|((?:[^",\r\n][^,\r\n]*)?))(,|\r\n?|\n|\Z)'
)
_DROPPED = re.compile(rb",(?![ \t]+[^ \t\r\n])[ \t]*")
_BLANK_LINE = re.compile(rb"(?:\A|[\r\n])[ \t]+(?:[\r\n]|\Z)")
_FIRST_READ = 1 << 16  # bytes of a file in which its header is looked for first
_WINDOW = 1 << 20  # bytes looked at together, so that what is found of them stays small
_COMMA, _QUOTE, _LF, _CR = b',"\n\r'


class OpenQuote(Exception):
    """A quoted cell that the text ends in; `rows` rows come before it."""

    def __init__(self, rows: int) -> None:
        super().__init__(rows)
        self.rows = rows


@dataclass(frozen=True)
class Row:
    """The cells of a row, and the offset in bytes at which the next line begins."""

    cells: list[bytes]
    end: int


@dataclass(frozen=True)
class Header:
    """The names of a file's columns, all different, as pandas names them.

    A column without a name is `Unnamed: 2`, the second column `x` is `x.1`; `repeats` says by
    such a name which one it repeats. The first row is to be looked for at byte `end`.
    """

    names: tuple[str, ...]
    repeats: dict[str, str]
    end: int


def rows(text: Text, start: int = 0, *, whole: bool = True) -> Iterator[Row]:
    """Yield the rows from the byte `start` on, which begins a line.

    Unless the text is `whole`, more of it may follow: a row that isn't known to end in it is left
    out. Raises OpenQuote where a whole text ends in a quoted cell.
    """
    size = len(text)
    count = 0
    while start < size:
        line = _LINE.match(text, start)
        if line is not None:
            content, end_of_line, end = line[1], line[2], line.end()
            if end == size and end_of_line != b"\n" and not whole and end_of_line != b"\r\n":
                return
            if not content.strip(b" \t"):
                start = end
                if end_of_line == b"\r" and (comma := _DROPPED.match(text, end)):
                    if comma.end() == size and not whole:
                        return
                    start += 1
                continue
            cells = content.split(b",")
        else:
            cells, end, end_of_line = [], start, b","
            while end_of_line == b",":
                cell = _CELL.match(text, end)
                if cell is None:
                    if whole:
                        raise OpenQuote(count)
                    return
                quoted, rest, plain, end_of_line = cell.groups()
                cells.append(plain if quoted is None else quoted.replace(b'""', b'"') + rest)
                end = cell.end()
            if end == size and end_of_line in (b"", b"\r") and not whole:
                return
        yield Row(cells, end)
        count += 1
        start = end


def read_header(file: IO[bytes]) -> Header:
    """Read the header of a file that is open at its beginning. Raises BadFile where it has none."""
    return _read_until(file, find_header)


def read_row(file: IO[bytes]) -> Row:
    """Return the first row from where an open file stands, which begins a line after its header.

    BadFile where there is none. A byte order mark belongs to the row's first cell here.
    """
    return _read_until(file, lambda text, whole: _first_row(text, 0, whole=whole))


def _read_until(file: IO[bytes], find: Callable[[bytes, bool], _Found | None]) -> _Found:
    """Call `find` with the beginning of what is left of a file, and with more of it until it
    returns something else than None, which is returned."""
    text, whole, size = b"", False, _FIRST_READ
    while not whole:
        more = file.read(size)
        whole = len(more) < size
        text += more
        size = len(text)  # twice as much each time: the length of a row is paid for once
        if (found := find(text, whole)) is not None:
            return found
    raise AssertionError("a whole text has a row or none")


def find_header(text: Text, whole: bool = True) -> Header | None:
    """Find the header of a file that begins with `text`; None where more of the file is needed."""
    row = _first_row(text, len(BOM) if bytes(text[: len(BOM)]) == BOM else 0, whole=whole)
    if row is None:
        return None
    try:
        names = [cell.decode() for cell in row.cells]
    except UnicodeDecodeError:
        why = not_text(b",".join(row.cells))
        raise BadFile(why or "is not UTF-8 text (its first line shows)") from None
    return Header(*_named_apart(names), row.end)


def _first_row(text: Text, start: int, *, whole: bool) -> Row | None:
    try:
        row = next(rows(text, start, whole=whole), None)
    except OpenQuote:
        raise BadFile("has a quote in its header that is never closed") from None
    if row is None and whole:
        raise BadFile("is empty")
    return row


def _named_apart(names: list[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Name columns as pandas does that have no name or one that was there already."""
    unnamed = [index for index, name in enumerate(names) if not name]
    for index in unnamed:
        names[index] = f"Unnamed: {index}"
    # Names that were given keep themselves before names that were made up.
    order = [*(index for index in range(len(names)) if index not in set(unnamed)), *unnamed]
    taken = set(names)
    seen: dict[str, int] = {}
    repeats: dict[str, str] = {}
    for index in order:
        name = given = names[index]
        count = seen.get(name, 0)
        while count > 0:
            seen[given] = count + 1
            name = f"{given}.{count}"
            count = count + 1 if name in taken else seen.get(name, 0)
        if name != given:
            repeats[name] = given
            names[index] = name
            taken.add(name)
        seen[name] = count + 1
    return tuple(names), repeats


def is_plain(text: Text, columns: int) -> bool:
    """Return True where every reader of CSV finds the same cells in a text that begins a line.

    That is so where the quotes are those of RFC 4180, around whole cells and doubled within,
    no CR stands alone, and no line of blanks could be the only cell of a row.
    """
    if bytes(text[: len(BOM)]) == BOM:
        return False
    if columns == 1 and _BLANK_LINE.search(text):
        return False
    content = as_array(text)
    if not _holds(content, _QUOTE) and not _holds(content, _CR):
        return True
    inside = False
    for start in range(0, len(content), _WINDOW):
        window = content[start : start + _WINDOW]
        quotes = positions(window, _QUOTE) + start
        if not _quotes_are_regular(content, quotes, inside=inside):
            return False
        inside ^= bool(len(quotes) % 2)
        if _has_lone_cr(content, start, len(window)):
            return False
    return not inside


def row_ends(text: bytes, *, whole: bool) -> NDArray[np.int64]:
    """Return the offsets at which the rows of a text end that begins a line, as `rows` has them.

    A text that `is_plain` takes a small part of the time that `rows` does.
    """
    import numpy as np

    content = as_array(text)
    ends = positions(content, _LF) + 1
    if b'"' in text:
        quotes = positions(content, _QUOTE)
        ends = ends[np.searchsorted(quotes, ends) % 2 == 0]
        within = quotes[: np.searchsorted(quotes, ends[-1])] if len(ends) else quotes
        if not len(ends) or not _quotes_are_regular(content[: ends[-1]], within, inside=False):
            return ends_one_by_one(text, whole=whole)
    last = int(ends[-1]) if len(ends) else 0
    if b"\r" in text and (not last or _has_lone_cr(content[:last], 0, last)):
        return ends_one_by_one(text, whole=whole)
    if last:
        starts = np.concatenate([[0], ends[:-1]])
        doubtful = np.flatnonzero(content.take(starts) <= ord(" "))
        blank = [row for row in doubtful if not text[starts[row] : ends[row]].strip(b" \t\r\n")]
        ends = np.delete(ends, blank) if blank else ends
    if not whole:
        return ends
    try:
        return np.concatenate([ends, last + ends_one_by_one(text[last:], whole=True)])
    except OpenQuote as error:
        raise OpenQuote(len(ends) + error.rows) from None


def ends_one_by_one(text: bytes, *, whole: bool) -> NDArray[np.int64]:
    """Return the `row_ends` of any text, in less memory for a long row and more time for many short
    ones."""
    import numpy as np

    return np.array([row.end for row in rows(text, whole=whole)], dtype=np.int64)


def has_quotes(text: Text) -> bool:
    return _holds(as_array(text), _QUOTE)


def has_hexadecimals(text: Text) -> bool:
    """Return True where something like 0x10 is in the text, which Arrow takes for sixteen."""
    import numpy as np

    content = as_array(text)
    for start in range(0, len(content), _WINDOW):
        # A window begins with the last byte of the one before.
        window = content[max(start - 1, 0) : start + _WINDOW]
        letters = np.flatnonzero((window | 0x20) == ord("x"))
        if len(letters) and (window.take(letters[letters > 0] - 1) == ord("0")).any():
            return True
    return False


def _quotes_are_regular(
    content: NDArray[np.uint8], quotes: NDArray[np.int64], *, inside: bool
) -> bool:
    """Tell whether quotes stand around whole cells, or doubled in them; the first of them closes a
    cell where the text begins `inside` one."""
    opening = quotes[1::2] if inside else quotes[::2]
    closing = quotes[::2] if inside else quotes[1::2]
    if len(opening) and opening[0] == 0:
        opening = opening[1:]
    if len(closing) and closing[-1] == len(content) - 1:
        closing = closing[:-1]
    return _are_at_an_edge(content.take(opening - 1)) and _are_at_an_edge(content.take(closing + 1))


def _are_at_an_edge(neighbours: NDArray[np.uint8]) -> bool:
    """Return True where what is next to a quote lets it open or close a cell, or doubles it."""
    edges = (neighbours == _COMMA) | (neighbours == _QUOTE) | (neighbours == _LF)
    return bool((edges | (neighbours == _CR)).all())


def _has_lone_cr(content: NDArray[np.uint8], start: int, size: int) -> bool:
    returns = positions(content[start : start + size], _CR) + start
    if not len(returns):
        return False
    if returns[-1] == len(content) - 1:
        return True
    return bool((content[returns + 1] != _LF).any())


def _holds(content: NDArray[np.uint8], byte: int) -> bool:
    return any(
        (content[start : start + _WINDOW] == byte).any()
        for start in range(0, len(content), _WINDOW)
    )


def as_array(text: Text) -> NDArray[np.uint8]:
    import numpy as np

    return np.frombuffer(text, dtype=np.uint8)


def positions(content: NDArray[np.uint8], byte: int) -> NDArray[np.int64]:
    import numpy as np

    return np.flatnonzero(content == byte)
