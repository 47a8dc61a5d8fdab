"""Writes what is fetched into a folder, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path

from runner.assets.content import Content, ContentFile, counted, hash_content
from runner.errors import EnvironmentRefused
from runner.files.atomic import create_atomically
from runner.files.privacy import make_private

_FILES = 8  # on their way at once


def write(content: Content, folder: Path, on_progress: Callable[[int], None]) -> str:
    """Write a content's files into a folder, and return the hash of what was written."""
    with _writing(folder), ThreadPoolExecutor(_FILES, "download") as pool:
        hashes = list(pool.map(partial(_write, folder), counted(content, on_progress).files))
    names = [file.name for file in content.files]
    return hash_content(content.shape, zip(names, hashes, strict=True))


@contextmanager
def fresh_folder(
    target: Path, only: str | None = None, private_in: Path | None = None
) -> Iterator[Path]:
    """Give a folder to write to, which becomes `target` in the end, or nothing at all.

    With `only`, the file of that name in it becomes `target` instead. The folders that have to be
    made above it in `private_in` are their owner's alone. Raises WrongUsage where the target exists
    and EnvironmentRefused where it can't be written.
    """
    with _writing(target):
        if private_in is not None:
            make_private(target.parent, private_in)
        with create_atomically(target, only) as folder:
            folder.mkdir()
            yield folder


def checked_name(name: str, what: str) -> str:
    """Return the name that something gets in a folder, if it lies in it.

    Raises EnvironmentRefused, which calls it `what`, where the name climbs out of the folder.
    """
    parts = name.replace("\\", "/").split("/")
    if {"", ".", ".."}.intersection(parts) or ":" in parts[0] or "\0" in name:
        raise EnvironmentRefused(
            f"{what} would be written outside of its folder; nothing is fetched"
        )
    return name


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EnvironmentRefused(
            f"{target} can't be written ({error.strerror}): make room, or name another place"
        ) from error


def _write(folder: Path, file: ContentFile) -> str:
    path = folder / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = sha256()
    with path.open("xb") as stream:
        for piece in file.read():
            digest.update(piece)
            stream.write(piece)
    return digest.hexdigest()
