"""The records of what a comparison of two versions found, which are written and read as JSON.

Names of classes, columns and files are whatever data and models hold. They are cut by `records.cut`
when they get in here, so a report stays small whatever it is about; whoever shows them escapes
them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from runner.comparison.records import NoRecord, from_plain, to_plain
from runner.errors import WrongUsage

SCHEMA = 1  # of the JSON; another number is refused
OTHERS = "(others)"  # the classes of a matrix that is not large enough for all
FEW_ROWS = 20  # a segment of fewer says something about persons: it is not published

SideName = Literal["old", "new"]
BreakKind = Literal["signature", "refused", "rows", "files", "classes"]


@dataclass(frozen=True)
class Side:
    """Describes one of the two versions, and how its scoring went."""

    label: str  # as a person names it: a reference, or a path
    content_hash: str  # hex SHA-256 of the model's names and contents
    size: int  # bytes of the model
    python: str  # what scored: the version of a Python, and where its packages are from
    seconds: float  # of scoring, the loading of the model included
    rows: int
    failed_files: int
    error: str | None = None  # why nothing was scored


@dataclass(frozen=True)
class Break:
    """Tells of something that works with one of the versions and not with the other."""

    kind: BreakKind
    side: SideName  # the version that it is said of
    text: str  # a sentence


@dataclass(frozen=True)
class ChanceTest:
    """Says whether a shift in the counts of the classes is more than chance."""

    name: str
    p_value: float
    statistic: float | None = None
    degrees: int | None = None


@dataclass(frozen=True)
class Shift:
    """Says how the count of a class moved."""

    name: str
    old: int  # rows
    new: int
    chance: float  # rows that a shift exceeds by chance in 5 % of cases, if rows move either way


@dataclass(frozen=True)
class Classes:
    """Says what became of each class."""

    names: tuple[str, ...]  # of both versions, in order; the last may be OTHERS
    matrix: tuple[tuple[int, ...], ...]  # rows of the data: a line for a class before
    shifts: tuple[Shift, ...]
    test: ChanceTest | None  # None where no row changed its class
    renamed: tuple[tuple[str, str], ...] = ()  # before, after: explains every change there is


@dataclass(frozen=True)
class Quantile:
    """Says how far the numbers of a share of the rows that have one in both moved at most."""

    share: float  # of the rows, from 0 to 1
    difference: float  # at most, between the versions; no more than 2 % too large


@dataclass(frozen=True)
class Numbers:
    """Says how far numbers moved."""

    tolerance: float  # differences up to it, relative to the larger number, are none
    quantiles: tuple[Quantile, ...]  # of the absolute differences, zeros included
    mean_shift: float  # the new mean less the old one
    old_mean: float
    new_mean: float
    old_nulls: int  # rows without a number
    new_nulls: int
    probabilities: bool = False  # every number of both lies between 0 and 1
    crossing: int = 0  # probabilities that crossed one half


@dataclass(frozen=True)
class Answer:
    """Compares what is answered for a row, or a part of it where an answer has several."""

    name: str
    rows: int  # compared
    changed: int  # more than the tolerance; not merely renamed
    differing: int  # in any way at all
    classes: Classes | None = None
    numbers: Numbers | None = None


@dataclass(frozen=True)
class Segment:
    """Names rows of the input that have something in common, where more change than elsewhere."""

    column: str
    values: str  # which of the column: `= F`, or `24.1 to 27.3`
    rows: int
    changed: int
    p_value: float  # corrected for how many segments were tried

    @property
    def share(self) -> float:
        return self.changed / self.rows


@dataclass(frozen=True)
class Segments:
    """Holds the segments that stand out, the most telling first."""

    tried: int
    found: tuple[Segment, ...]
    untried: str | None = None  # why none was tried


@dataclass(frozen=True)
class Floor:
    """Says how much the old version differs from itself, scored twice."""

    rows: int  # scored twice: a sample
    changed: int


@dataclass(frozen=True)
class Package:
    """Names a package of which the two environments have different versions."""

    name: str
    old: str | None  # None: it is not there
    new: str | None


@dataclass(frozen=True)
class Comparison:
    """Says what a new version changes."""

    old: Side
    new: Side
    endpoint: str | None
    deployment: str | None
    data: str
    rows: int  # that both versions answered, joined on file and row
    changed: int  # of them, above the tolerance
    differing: int  # of them, in any way at all
    breaks: tuple[Break, ...]
    answers: tuple[Answer, ...]
    segments: Segments
    floor: Floor | None  # None where the old version scored nothing
    packages: tuple[Package, ...]
    notices: tuple[str, ...] = ()
    command: str = ""  # that makes the comparison again

    @property
    def share(self) -> float:
        """Return the share of the compared rows that changed; 0 where none was compared."""
        return self.changed / self.rows if self.rows else 0.0

    @property
    def floor_share(self) -> float:
        """Return the share of rows in which the old version differs from itself."""
        return self.floor.changed / self.floor.rows if self.floor and self.floor.rows else 0.0

    @property
    def above_floor(self) -> float:
        """Return the share of changed rows that the old version's own unsteadiness leaves."""
        return max(0.0, self.share - self.floor_share)


def to_json(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as what JSON has: `from_json` reads it back."""
    return {"schema_version": SCHEMA, **to_plain(comparison)}


def from_json(text: str | bytes, where: str = "the report") -> Comparison:
    """Read what `to_json` made, trusting nothing in it.

    `where` names it in errors. Raises WrongUsage for what is no such report: each value must be of
    its type, and each name as short as it was written.
    """
    try:
        document = json.loads(text)
        if not isinstance(document, dict) or document.pop("schema_version", None) != SCHEMA:
            raise NoRecord(f"its schema_version is not {SCHEMA}")
        comparison: Comparison = from_plain(Comparison, document)
        _check_counts(comparison)
    except (ValueError, RecursionError, NoRecord) as error:
        raise WrongUsage(
            f"{where} is no report of `runner models compare -o json` of this version: {error}"
        ) from None
    return comparison


def _check_counts(comparison: Comparison) -> None:
    """Raise NoRecord for counts that no data can have, and of which nothing can be shown."""
    if max(comparison.changed, comparison.differing) > comparison.rows:
        raise NoRecord("more rows change than were compared")
    for answer in comparison.answers:
        classes = answer.classes
        if classes is None:
            continue
        sizes = {len(classes.matrix), *map(len, classes.matrix)}
        if sizes - {len(classes.names)}:
            raise NoRecord("Classes.matrix has another size than Classes.names")
        if classes.test and not classes.shifts:
            raise NoRecord("Classes.test is of no shift")
    if not all(segment.rows for segment in comparison.segments.found):
        raise NoRecord("Segment.rows is 0")
