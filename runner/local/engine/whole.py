"""Files that appear whole or not at all: written aside, then renamed into their place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_aside(path: Path, aside: Path) -> Iterator[None]:
    """Move `aside`, which the block writes, to `path` if the block ends well; else remove it.

    Both lie on one file system. OSError when the disk refuses; the caller says what that means.
    """
    try:
        yield
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def write_whole(path: Path, text: str) -> None:
    """Write a UTF-8 text with its line ends as they are; undecodable bytes show as escapes."""
    aside = path.with_name(path.name + ".partial")
    with written_aside(path, aside):
        aside.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
