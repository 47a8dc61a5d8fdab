"""Files and folders are written atomically here: a path has its complete content, or none.

Everything is written to a temporary path on the same file system first, and renamed then. A reader
meanwhile, or after a crash, finds what was there before. A file is synced before it is renamed, so
that it is complete after a power cut. Its name is certain to be there then once its folder has
been synced, too (`runner.files.syncing`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENOTDIR
from pathlib import Path

from runner.errors import WrongUsage
from runner.files.syncing import sync


@contextmanager
def temporary_path(folder: Path, prefix: str = "") -> Iterator[Path]:
    """Give a path in `folder` that nobody else has, and remove what is there in the end."""
    path = folder / f"{prefix}{os.getpid()}-{os.urandom(8).hex()}"
    try:
        yield path
    finally:
        remove(path)


@contextmanager
def create_atomically(target: Path, only: str | None = None) -> Iterator[Path]:
    """Give a path to write a file or folder to, which becomes `target` if the block ends well.

    With `only`, the file of that name in the folder becomes `target` instead. Raises WrongUsage
    where the target exists, and OSError where it can't be written.
    """
    check_absent(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:  # as the system says it of everything below a file
        raise NotADirectoryError(ENOTDIR, os.strerror(ENOTDIR), error.filename) from None
    with temporary_path(target.parent, ".runner-") as path:
        yield path
        check_absent(target)
        (path / only if only else path).rename(target)


@contextmanager
def replace_atomically(
    path: Path, draft: Path | None = None, *, synced: bool = True
) -> Iterator[Path]:
    """Give a path to write a file to, which takes the place of `path` if the block ends well.

    The path is `draft`, or else one beside `path` that is always the same: so crashes don't pile
    files up, and there must be a single writer at a time. Without `synced` the caller has to sync
    `path` before anything relies on it. Raises OSError where the disk refuses.
    """
    draft = draft or path.with_name(f"{path.name}.partial")
    remove(draft)  # or what somebody else put there
    try:
        yield draft
        if synced:
            sync([draft])
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, text: str, *, synced: bool = True) -> None:
    """Write a UTF-8 text with its line ends as they are; undecodable bytes show as escapes.

    `synced` and errors are as in `replace_atomically`.
    """
    with replace_atomically(path, synced=synced) as draft:
        draft.write_bytes(text.encode("utf-8", "backslashreplace"))


def check_absent(target: Path) -> None:
    """Raise WrongUsage where there is something at a path, be it a broken link."""
    if os.path.lexists(target):
        raise WrongUsage(f"{target} exists already: remove it, or name another place")


def remove(path: Path) -> None:
    """Remove a file or link, or a folder with all below it; nothing need be there."""
    if path.is_dir() and not path.is_symlink():
        import shutil

        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
