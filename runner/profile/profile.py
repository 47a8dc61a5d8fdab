"""The profile of a batch job, or of a part of it: its columns, and how they merge."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from runner.engine.sealed import seal, unseal
from runner.profile.column import (
    Bins,
    Column,
    Numbers,
    Opaque,
    Texts,
    as_document,
    exponent_for,
    from_document,
    in_bins,
    merge_columns,
)

_VERSION = 1
FEWEST_TOLD = 20  # rows with a text: of fewer a job's profile has a code in its place
_LONGEST_TOLD = 80  # characters of such a text
_COARSE = 64  # bins of what looks like numbers of people or things


@dataclass(frozen=True)
class Profile:
    """The columns of what was scored and of what was answered, by name."""

    rows: int  # rows that were read
    inputs: Mapping[str, Column] = field(default_factory=dict)
    answers: int = 0
    outputs: Mapping[str, Column] = field(default_factory=dict)
    codes: str = ""  # in a finished job's profile, tells which key its codes were made with


def merge_profiles(profiles: Iterable[Profile]) -> Profile:
    """Add profiles up. Where rows of one lack a column of another, its values are missing there."""
    found = [profile for profile in profiles if profile.rows or profile.answers]
    if len(found) == 1:
        return found[0]
    return Profile(
        sum(profile.rows for profile in found),
        _merge([(profile.rows, profile.inputs) for profile in found]),
        sum(profile.answers for profile in found),
        _merge([(profile.answers, profile.outputs) for profile in found]),
    )


def _merge(parts: Sequence[tuple[int, Mapping[str, Column]]]) -> dict[str, Column]:
    names = dict.fromkeys(name for _, columns in parts for name in columns)
    return {
        name: merge_columns(columns.get(name, Opaque(0, rows)) for rows, columns in parts)
        for name in names
    }


def without_rare(profile: Profile, key: bytes) -> Profile:
    """Return the profile of a finished job, which holds nothing that few rows have.

    A text gets a code, made with the key, by which profiles of one workspace are compared; only
    those of FEWEST_TOLD rows and more are told. Whole numbers that are all different may be the
    numbers of people or things, and are put into a few bins.
    """
    return replace(
        profile,
        codes=_code("", key),
        inputs={name: _without_rare(column, key) for name, column in profile.inputs.items()},
        outputs={name: _without_rare(column, key) for name, column in profile.outputs.items()},
    )


def _without_rare(column: Column, key: bytes) -> Column:
    if isinstance(column, Texts) and column.kinds is not None:
        codes = {name: _code(name, key) for name in column.kinds}
        told = {
            codes[name]: name
            for name, count in column.kinds.items()
            if count >= FEWEST_TOLD and len(name) <= _LONGEST_TOLD
        }
        kinds = {codes[name]: count for name, count in sorted(column.kinds.items())}
        return replace(column, kinds=kinds, names=told)
    if isinstance(column, Numbers) and _may_be_names(column):
        return replace(column, values=(), counts=(), bins=_coarse(column))
    return column


def _code(text: str, key: bytes) -> str:
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), "sha256").hexdigest()[:16]


def _may_be_names(column: Numbers) -> bool:
    """Tell whether these are whole numbers that are all different and far apart, as the numbers of
    people are."""
    if column.bins is not None or column.count < FEWEST_TOLD or len(column.values) < column.count:
        return False
    far = column.high - column.low >= 100 * column.count
    return far and all(float(value).is_integer() for value in column.values)


def _coarse(column: Numbers) -> Bins:
    bins = in_bins(column, exponent_for(column.low, column.high))
    while len(bins.counts) > _COARSE:
        bins = bins.folded(bins.exponent + 1)
    return bins


def encode(profile: Profile) -> bytes:
    """Return what `decode` reads."""
    document = {
        "version": _VERSION,
        "codes": profile.codes,
        "rows": profile.rows,
        "inputs": {name: as_document(column) for name, column in profile.inputs.items()},
        "answers": profile.answers,
        "outputs": {name: as_document(column) for name, column in profile.outputs.items()},
    }
    return seal(document)


def decode(content: bytes) -> Profile:
    """Read what `encode` wrote. ValueError for what is damaged, or of another version."""
    document = unseal(content)
    if document.get("version") != _VERSION:
        raise ValueError(f"it is of version {document.get('version')}, not {_VERSION}")
    try:
        return Profile(
            document["rows"],
            {name: from_document(column) for name, column in document["inputs"].items()},
            document["answers"],
            {name: from_document(column) for name, column in document["outputs"].items()},
            document["codes"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None
