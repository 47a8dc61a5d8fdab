"""Finds the files of a job's input, where it is a path or a pattern on this machine."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from runner.assets.ignore_files import IgnoreRules, find_ignore_rules
from runner.errors import NotFound, WrongUsage

_PATTERN = frozenset("*?[")
_MOST_COUNTED = 10_000  # files in subfolders


@dataclass(frozen=True)
class Chosen:
    """A file, a folder, or files of a folder."""

    path: Path
    names: tuple[str, ...] | None = None  # the files that a pattern chose; None: all of them
    pattern: str = ""

    @property
    def shown(self) -> str:
        """Return the path as it can be typed anywhere on this machine."""
        return str(self.path.absolute() / self.pattern)


def choose_input(given: str, data_assets: Container[str], input_type: str | None = None) -> Chosen:
    """Return the files at a path, or those of a folder that a pattern as `folder/*.csv` matches.

    A path that exists is never taken for a pattern, whatever it holds. Raises as `input_path`, and
    WrongUsage for a pattern of several folders and one that matches no file.
    """
    plain = given.removeprefix("file://")
    if _PATTERN.isdisjoint(plain) or existing(plain) is not None:
        return Chosen(_without_parents(input_path(given, data_assets, input_type)))
    head, slash, pattern = plain.rpartition("/")
    folder = existing(head or slash or ".")
    if folder is None and not _PATTERN.isdisjoint(head):
        raise WrongUsage(
            f"pattern {given} is of several folders, and a job reads the files of one: only what"
            " comes behind the last / may hold * ? ["
        )
    if folder is None or not folder.is_dir():
        raise NotFound(f"no folder {head} for the pattern {given}; check the path")
    if input_type == "uri_file":
        raise WrongUsage(f"data {given} is a pattern, which is a uri_folder and not a uri_file")
    return Chosen(_without_parents(folder), _matching(folder, pattern, given), pattern)


def _without_parents(path: Path) -> Path:
    """Return the path without `..`; behind a link that is the folder of what the link leads to."""
    return path.resolve() if ".." in path.parts else path


def _matching(folder: Path, pattern: str, given: str) -> tuple[str, ...]:
    """Return the names of the folder's files that match, as a shell would match them."""
    names: list[str] = []
    folders: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            hidden = entry.name.startswith(".") and not pattern.startswith(".")
            if not hidden and fnmatchcase(entry.name, pattern or "*"):
                (folders if entry.is_dir() else names).append(entry.name)
    if not pattern or (folders and not names):
        such = f", such as {folder / min(folders)}" if folders else ""
        raise WrongUsage(
            f"pattern {given} matches folders only{such}, which are not explored: name one of them"
        )
    if not names:
        raise WrongUsage(f"no file matches the pattern {given}; check it and its folder {folder}")
    return tuple(sorted(names, key=os.fsencode))


def counted_names(folder: Path) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Return the names that a folder's ignore file leaves, and lines on what is left out.

    None in the place of the names where all count. Raises WrongUsage for an ignore file that makes
    no sense, and for one that leaves nothing.
    """
    rules = find_ignore_rules(folder) if folder.is_dir() else None
    more = unscored(folder, rules)
    notices = (more,) if more else ()
    if rules is None:
        return None, notices
    prefix = rules.prefix(os.path.realpath(folder))
    with os.scandir(folder) as entries:
        ignored = {
            entry.name: not entry.is_dir() and rules.ignores(prefix + entry.name)
            for entry in entries
        }
    names = tuple(name for name, left_out in ignored.items() if not left_out)
    count = len(ignored) - len(names)
    if not count:
        return None, notices
    if not names:
        raise WrongUsage(f"{rules.path} leaves out every file of {folder}: {rules.way_out}")
    files = "1 file is" if count == 1 else f"{count:,} files are"
    notice = f"{files} not scored, as {rules.path} leaves them out; --data takes a pattern as well"
    return names, (notice, *notices)


def unscored(folder: Path, rules: IgnoreRules | None = None) -> str | None:
    """Return a line on files in subfolders, which no job explores; None without any.

    Names that begin with a dot are left out, and what `rules` ignore: nobody means them to be
    scored.
    """
    if not folder.is_dir():
        return None
    found = _below_subfolders(folder, rules)
    first = next(found, None)
    if first is None:
        return None
    count = 1 + sum(1 for _ in zip(range(_MOST_COUNTED), found, strict=False))
    number = f"more than {_MOST_COUNTED:,}" if count > _MOST_COUNTED else f"{count:,}"
    files = "file in a subfolder is" if count == 1 else "files in subfolders are"
    return (
        f"{number} {files} not scored, such as {first}: a job reads the files of one folder, and"
        " --data takes a subfolder as well"
    )


def _below_subfolders(folder: Path, rules: IgnoreRules | None) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if Path(root) == folder:
            continue
        prefix = rules.prefix(os.path.realpath(root)) if rules else ""
        for name in sorted(files):
            if not name.startswith(".") and not (rules and rules.ignores(prefix + name)):
                yield Path(root) / name


def input_path(given: str, data_assets: Container[str], input_type: str | None = None) -> Path:
    """Return the path with its `~` expanded.

    Raises NotFound where there is nothing, with a hint where `given` is the name of a declared
    data asset, and WrongUsage where what is there is no file or folder, or not of the type that was
    asked for.
    """
    path = existing(given.removeprefix("file://"))
    if path is None:
        hint = "check the path, or name a data asset as azureml:NAME@latest"
        if given in data_assets:
            hint = f"for the data asset write azureml:{given}@latest"
        raise NotFound(f"no file or folder {given}; {hint}")
    if not (path.is_file() or path.is_dir()):
        raise WrongUsage(
            f"data {given} is neither a file nor a folder but a pipe, a socket or a device: write"
            " what it gives into a file, and name that"
        )
    check_type(path, input_type)
    return path


def existing(given: str | Path) -> Path | None:
    """Return the path of a file or folder that is there, with its `~` expanded; else None."""
    try:
        path = Path(given).expanduser()
        path.stat()
    except PermissionError:
        raise
    except (OSError, RuntimeError, ValueError):  # a name too long, ~NOBODY, a NUL
        return None
    return path


def check_type(path: Path, input_type: str | None) -> None:
    """Raise WrongUsage where a file is asked for as a folder, or the other way round."""
    if input_type == "uri_file" and not path.is_file():
        raise WrongUsage(f"data {path} is a folder, not a uri_file")
    if input_type == "uri_folder" and not path.is_dir():
        raise WrongUsage(f"data {path} is a file, not a uri_folder")
