"""The files of a job's input: those of the top folder, in the order their rows are written."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from runner.engine.plan import InputFile
from runner.errors import JobFailed

_MOST_CODE = 1000  # files of code that are looked at


def list_files(
    path: Path, names: Iterable[str] | None = None
) -> tuple[Path, tuple[InputFile, ...]]:
    """Return the folder and its files, sorted by name; subfolders are not explored.

    A path to a single file is its folder with that one file. `names` are the files that count,
    where not all of the folder do.
    Raises JobFailed for a missing or empty input, for a link that leaves the folder, and for
    anything that is neither a file nor a folder.
    """
    if not path.exists():
        raise JobFailed(f"input {path} does not exist")
    if path.is_file():
        return path.parent, (_input_file(path.name, path.stat()),)
    files: list[InputFile] = []
    folders: list[str] = []
    root = path.resolve()
    wanted = None if names is None else frozenset(names)
    with os.scandir(path) as entries:
        for entry in entries:
            if wanted is not None and entry.name not in wanted:
                continue
            if entry.is_symlink():
                _stay_inside(root, entry)
            if entry.is_dir():
                folders.append(entry.name)
            elif entry.is_file():
                files.append(_input_file(entry.name, entry.stat()))
            else:
                raise JobFailed(f"input {entry.path} is not a regular file; take it out")
    if not files and folders:
        raise JobFailed(
            f"input {path} has only subfolders, which are not explored;"
            f" name one of them, such as {path / min(folders)}"
        )
    if not files:
        raise JobFailed(f"input {path} is an empty folder; put the files to score into it")
    return path, tuple(sorted(files, key=lambda file: os.fsencode(file.name)))


def list_code(script: Path) -> tuple[InputFile, ...]:
    """Return the Python files a scoring script may import: those in its folder and below."""
    folder = script.parent
    found = sorted(folder.rglob("*.py"))[:_MOST_CODE]
    return tuple(_input_file(str(path.relative_to(folder)), path.stat()) for path in found)


def changed_files(folder: Path, files: tuple[InputFile, ...]) -> list[str]:
    """Name the files that are gone or differ in size or time from when the job began."""
    changed = []
    for file in files:
        try:
            now = _input_file(file.name, (folder / file.name).stat())
        except OSError:
            changed.append(file.name)
            continue
        if now != file:
            changed.append(file.name)
    return changed


def _input_file(name: str, status: os.stat_result) -> InputFile:
    return InputFile(name, status.st_size, status.st_mtime_ns)


def _stay_inside(root: Path, entry: os.DirEntry[str]) -> None:
    try:
        target = Path(entry.path).resolve(strict=True)
    except (OSError, RuntimeError):
        raise JobFailed(f"input {entry.path} is a link that leads nowhere; take it out") from None
    if not target.is_relative_to(root) or not stat.S_ISREG(target.stat().st_mode):
        raise JobFailed(
            f"input {entry.path} is a link that leaves the folder; put the file itself there"
        )
