"""Checks whether the data that an endpoint is declared to score fits the model."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

from runner.assets.ignore_files import find_ignore_rules
from runner.checks.finding import Finding, error
from runner.checks.subject import Subject, place_in
from runner.counting import many
from runner.declarations import Data
from runner.declarations.problem import Place
from runner.errors import WrongUsage

_MOST_FILES = 20  # of which the header is read
_MOST_NAMED = 5
_LONGEST_LINE = 1 << 20  # bytes


def check_subject(subject: Subject) -> Iterator[Finding]:
    """Check what a batch deployment is given where the call names nothing."""
    data = subject.data
    if data is None or data.type == "mltable":
        return
    if not isinstance(data.path, Path) or not data.path.exists():
        return
    yield from check_top_folder(data, data.path)
    if subject.mlmodel is not None and not subject.has_script:
        yield from check_kinds_of_files(data, data.path)
        yield from check_columns(subject, data.path)


def check_top_folder(data: Data, path: Path) -> Iterator[Finding]:
    """Check that the files lie in the top folder, as batch deployments look into no others."""
    if not path.is_dir() or _files(path):
        return
    below = [folder.name for folder in sorted(path.iterdir()) if folder.is_dir()]
    if below:
        text = (
            f"{path} has only folders, and a batch deployment doesn't look into them: name the"
            f" folder of the files, such as {path / below[0]}"
        )
        yield error(place_in(data.source, "path"), "subfolders", text)


def check_kinds_of_files(data: Data, path: Path) -> Iterator[Finding]:
    """Check that the driver that Azure has for MLflow models reads files of these endings."""
    from runner.engine.drivers.formats import is_read

    unread = [file for file in _files(path) if not is_read(file.name)]
    if not unread:
        return
    endings = sorted({file.suffix or file.name for file in unread})
    named = ", ".join(endings[:_MOST_NAMED])
    text = (
        f"{path} has {many(len(unread), 'file')} with the ending {named}, which Azure's driver for"
        " MLflow models doesn't read, so that their mini-batches fail: take them out, or declare a"
        " scoring script"
    )
    yield error(place_in(data.source, "path"), "endings", text)


def check_columns(subject: Subject, path: Path) -> Iterator[Finding]:
    """Check that the header of each file has the columns that the model's signature requires."""
    assert subject.mlmodel is not None
    required = [column.name for column in subject.mlmodel.signature.columns if column.required]
    if not required:
        return
    for file in _files(path)[:_MOST_FILES]:
        header = _header(file)
        if header is None:
            continue
        missing = [name for name in required if name not in header]
        if missing:
            named = ", ".join(missing[:_MOST_NAMED])
            more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
            text = (
                f"has no column {named}{more}, which the model's signature requires: write the"
                " header as the signature has it, or save the model with the columns that are here"
            )
            yield error(Place(file, 1), "columns", text)


def _files(path: Path) -> list[Path]:
    """Return the files that a batch deployment would be given, in the order of their names."""
    if path.is_file():
        return [path]
    try:
        rules = find_ignore_rules(path)
        files = sorted(file for file in path.iterdir() if file.is_file())
    except (WrongUsage, OSError):
        return []  # `uploads` says what is wrong
    prefix = rules.prefix(os.path.realpath(path)) if rules else ""
    return [
        file
        for file in files
        if not file.name.startswith((".", "_"))
        and not (rules and rules.ignores(prefix + file.name))
    ]


def _header(file: Path) -> list[str] | None:
    """Return the names in a table's header; None where it has none, or can't be read here."""
    ending = file.suffix.lower()
    try:
        if ending == ".csv":
            with file.open(encoding="utf-8-sig", newline="") as stream:
                text = stream.readline(_LONGEST_LINE)
            return next(csv.reader([text]), None) if text.strip() else None
        if ending in (".parquet", ".pqt"):
            return _parquet_header(file)
    except (OSError, UnicodeDecodeError, csv.Error):
        return None
    return None


def _parquet_header(file: Path) -> list[str] | None:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        return None
    try:
        names: list[str] = parquet.read_schema(file).names
    except ArrowException:
        return None
    return names
