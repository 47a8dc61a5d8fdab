"""Tells a comparison in Markdown, as a pull request shows it, without a row of the data.

Every name is a stranger's. None of its signs means anything to Markdown or HTML here, and none of
its words makes a link or calls somebody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from runner.comparison.records import cut
from runner.comparison.report import FEW_ROWS, Answer, Comparison, Segment
from runner.comparison.words import checks, packages_size_time, percent, told_moves, told_p, verdict

_MOST_CLASSES = 6  # of a matrix
_MOST_LINES = (5, 5, 3)  # of breaks, of checks, and of segments
_LEAST = 4  # lines of those together; where the matrix leaves fewer, it is left out
_LONGEST = 300  # characters of a sentence
_LONGEST_COMMAND = 1_000  # characters; what is cut can't be repeated
MOST = 25  # lines
_NAME = 40  # of a class in a matrix
# The characters that have a meaning in Markdown or HTML, anywhere or at the beginning of a line.
_SPECIAL = frozenset('\\`*_{}[]<>#!|~&@:^$"')
_INVISIBLE = "&#8203;"  # a space of no width, which no link, mention or reference goes across
_LINKING = frozenset("@#:")
_WEB = re.compile("(?i)(w)(ww)")  # what GitHub makes a link of without a colon


def to_markdown(comparison: Comparison, most: int = MOST) -> str:
    """Return the comparison as at most so many lines of Markdown, 12 or more."""
    return "\n".join(_lines(comparison, most)) + "\n"


def escaped(text: str, longest: int = _LONGEST) -> str:
    """Return a text on one line, as it is shown, of which nobody makes markup or a link."""
    apart = "".join(
        f"{_entity(sign)}{_INVISIBLE}" if sign in _LINKING else _entity(sign)
        for sign in cut(text, longest)
    )
    return _WEB.sub(rf"\1{_INVISIBLE}\2", apart)


def _entity(sign: str) -> str:
    if sign in _SPECIAL:
        return f"&#{ord(sign)};"
    if sign.isprintable():
        return sign
    return " " if sign.isspace() else "\ufffd"


def _lines(comparison: Comparison, most: int) -> Iterator[str]:
    bold = f"**{escaped(verdict(comparison))}**"
    first = comparison.answers[0] if len(comparison.answers) == 1 else None
    told = told_moves(first.classes) if first and first.classes else ""
    yield bold + (f": {escaped(told)}" if told else "")
    yield ""
    old, new = escaped(comparison.old.label, 100), escaped(comparison.new.label, 100)
    yield f"From {old} to {new}, with {escaped(comparison.data, 100)}"
    matrix = list(_matrix(first)) if first else []
    command = list(_command(comparison.command))
    room = most - 4 - len(command)
    if room - len(matrix) < _LEAST:
        matrix = []
    breaks = [found for found in comparison.breaks if found.kind != "refused" or comparison.rows]
    shown = [segment for segment in comparison.segments.found if segment.rows >= FEW_ROWS]
    lists = [
        [f"⚠️ {escaped(found.text)}" for found in breaks],
        [escaped(line) for line in checks(comparison)],
        [_segment(segment) for segment in shown],
    ]
    limits = _limits([len(lines) for lines in lists], room - len(matrix))
    yield from _listed(lists[0], limits[0])
    yield from matrix
    yield from _listed(lists[1], limits[1])
    yield from _listed(lists[2], limits[2])
    yield f"- {'; '.join(escaped(line, 150) for line in packages_size_time(comparison))}"
    yield from command


def _limits(lengths: list[int], room: int) -> list[int]:
    """Return how many lines each list may have, so that together they fit in the room."""
    limits = [min(length, most) for length, most in zip(lengths, _MOST_LINES, strict=True)]
    while sum(limits) > max(room, 0):
        longest = max(range(len(limits)), key=lambda place: (limits[place], place))
        limits[longest] -= 1
    return limits


def _command(command: str) -> Iterator[str]:
    """Yield a command in a fence that nothing in it can close, as it is to be copied."""
    if not command or len(command) > _LONGEST_COMMAND:
        return
    line = "".join(sign if sign.isprintable() else "\ufffd" for sign in command)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", line)), default=0))
    yield from ("", f"{fence}sh", line, fence)


def _listed(lines: list[str], most: int) -> Iterator[str]:
    """Yield as many lines as there is room for as a list, and how many more there are."""
    if len(lines) > most > 0:
        lines = [*lines[: most - 1], f"and {len(lines) - most + 1:,} more"]
    yield from (f"- {line}" for line in lines[:most])


def _matrix(answer: Answer) -> Iterator[str]:
    classes = answer.classes
    if not classes or not answer.changed or not 2 <= len(classes.names) <= _MOST_CLASSES:
        return
    names = [escaped(name, _NAME) for name in classes.names]
    yield ""
    yield f"| old \\ new | {' | '.join(names)} |"
    yield f"|---{'|---:' * len(names)}|"
    for name, line in zip(names, classes.matrix, strict=True):
        yield f"| {name} | {' | '.join(f'{count:,}' for count in line)} |"
    yield ""


def _segment(segment: Segment) -> str:
    where = escaped(f"{cut(segment.column, 60)} {cut(segment.values, 60)}")
    return (
        f"where {where}: {escaped(percent(segment.share))} of {segment.rows:,} rows change"
        f" ({escaped(told_p(segment.p_value))})"
    )
