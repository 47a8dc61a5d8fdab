"""The content of an asset, wherever it lies: files that can be read, and the hash of all of them.

The hash is the SHA-256, in hexadecimal digits, of a manifest: the list of names and of the SHA-256
of each file's bytes. A single file's name belongs to its hash, a folder's does not; neither do
permissions, times and empty folders. Files that a folder's ignore file excludes are not part of it
(`runner.assets.ignore_files`).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from stat import S_IMODE, S_ISREG
from threading import Lock
from typing import Literal

from runner.assets.ignore_files import NEVER_CODE, IgnoreRules, find_ignore_rules
from runner.errors import WrongUsage

CHUNK = 1 << 20  # bytes read at a time

Shape = Literal["file", "folder"]


@dataclass(frozen=True)
class ContentFile:
    """One file of an asset."""

    name: str  # its path inside the asset, with slashes
    size: int  # bytes
    read: Callable[[], Iterator[bytes]]  # from its beginning, as often as it is called
    mode: int = 0o644  # the permission bits of the file that it is


@dataclass(frozen=True)
class Content:
    """A single file, or a folder's files in the order of their names' bytes."""

    shape: Shape
    files: Sequence[ContentFile]

    @cached_property  # asked for with every file that is read
    def size(self) -> int:
        """Return the bytes of all files together."""
        return sum(file.size for file in self.files)


def scan(source: Path, names: Sequence[str] | None = None) -> Content:
    """Find what a path on this machine holds; nothing is read yet but a folder's ignore file.

    `names` are the files of a folder that count, where not all of it does; the ignore file has no
    say about these, nor about a single file. Links are followed as long as they stay inside the
    folder. Raises `WrongUsage` for what can't be an asset: nothing at all, pipes and the like,
    links that lead out, a folder of which everything is ignored.
    """
    if names is None:
        return _scan(source, find_ignore_rules)
    return _scan(source, _no_rules, names)


def scan_whole(source: Path) -> Content:
    """Find what a path holds, as `scan`, with an ignore file taken as a file like any other."""
    return _scan(source, _no_rules)


def scan_code(folder: Path, apart: Path | None = None) -> Content:
    """Find what a folder of code holds, as `scan`, without what Python leaves beside its scripts.

    Nothing of the folder `apart`, which may lie inside, is looked at. Raises `WrongUsage` for a
    file, too.
    """
    content = _scan(folder, partial(find_ignore_rules, never=NEVER_CODE), apart=apart)
    if content.shape == "file":
        raise WrongUsage(f"{folder} is a file: name the folder that the script lies in")
    return content


def _no_rules(_: Path) -> None:
    return None


def _scan(
    source: Path,
    find_rules: Callable[[Path], IgnoreRules | None],
    names: Sequence[str] | None = None,
    apart: Path | None = None,
) -> Content:
    try:
        root = source.resolve(strict=True)
    except FileNotFoundError as error:
        raise WrongUsage(f"{source} does not exist: check the path") from error
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead round in a circle
        raise WrongUsage(f"{source} can't be read ({error})") from error
    try:
        if not root.is_dir():
            return Content("file", [_file(source.absolute().name, str(root))])
        rules = find_rules(source)
        found = walk(source, root, rules, apart) if names is None else _chosen(source, root, names)
        files = [_file(name, path) for name, path in found]
        if not files:
            raise WrongUsage(_nothing_in(source, rules))
    except OSError as error:
        raise WrongUsage(f"{error.filename} can't be read ({error.strerror})") from error
    return Content("folder", sorted(files, key=lambda file: os.fsencode(file.name)))


def _nothing_in(source: Path, rules: IgnoreRules | None) -> str:
    if rules is None:
        return f"{source} is empty: there is nothing to store"
    if rules.path is None:
        return f"{source} has no code: name the folder that the script lies in"
    return f"{rules.path} leaves out every file of {source}: {rules.way_out}"


def _chosen(source: Path, root: Path, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        path = root / name
        yield name, _follow(source / name, path, root) if path.is_symlink() else str(path)


def walk(
    source: Path, root: Path, rules: IgnoreRules | None = None, apart: Path | None = None
) -> Iterator[tuple[str, str]]:
    """Yield every file below a folder that counts, its name and real path.

    `root` is the folder's real path. Nothing of the folder `apart` counts.
    """
    left_out = str(apart.resolve()) if apart else None
    # Each entry: a folder's real path, its name in the tree, and the folders whose links led here.
    folders: list[tuple[str, str, tuple[str, ...]]] = [(str(root), "", ())]
    while folders:
        folder, prefix, trail = folders.pop()
        if folder == left_out:
            continue
        judged = rules.prefix(folder) if rules else ""
        if rules and prefix and rules.ignores_all_below(judged):
            continue
        with os.scandir(folder) as entries:
            for entry in entries:
                name, path, inside = prefix + entry.name, entry.path, trail
                is_folder = _is_folder(entry)
                if rules and not is_folder and rules.ignores(judged + entry.name):
                    continue
                if entry.is_symlink():
                    try:
                        path = _follow(source / name, Path(path), root)
                        inside = (*trail, folder)
                        if is_folder:
                            _check_ahead(source / name, path, inside)
                    except WrongUsage:
                        if rules and rules.ignores(f"{judged}{entry.name}/"):
                            continue
                        raise
                if is_folder:
                    folders.append((path, name + "/", inside))
                else:
                    yield name, path


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads round in a circle
        return False


def _check_ahead(shown: Path, path: str, inside: Iterable[str]) -> None:
    """Raise `WrongUsage` for a link to a folder that is one of those it lies in."""
    if any(Path(folder).is_relative_to(path) for folder in inside):
        raise WrongUsage(f"{shown} is a link that leads back to where it lies: remove it")


def counted(content: Content, on_progress: Callable[[int], None]) -> Content:
    """Return the same content, which tells how many bytes of all its files have been read so far.

    Files may be read from several threads; each calls `on_progress` after each chunk.
    """
    lock, done = Lock(), 0

    def read(file: ContentFile) -> Iterator[bytes]:
        nonlocal done
        for chunk in file.read():
            yield chunk
            with lock:
                done += len(chunk)
                now = done
            on_progress(now)

    files = [replace(file, read=partial(read, file)) for file in content.files]
    return Content(content.shape, files)


def hash_file(file: ContentFile) -> str:
    """Return the SHA-256 of a file's bytes."""
    import hashlib

    known = hashlib.sha256()
    for chunk in file.read():
        known.update(chunk)
    return known.hexdigest()


def hash_path(source: Path, names: Sequence[str] | None = None) -> str:
    """Return the hash of what a path on this machine holds. Raises as `scan`."""
    content = scan(source, names)
    return hash_content(content.shape, ((file.name, hash_file(file)) for file in content.files))


def hash_content(shape: Shape, hashes: Iterable[tuple[str, str]]) -> str:
    """Return the hash of an asset, from its files' names and hashes in their order."""
    import hashlib

    return hashlib.sha256(manifest(shape, hashes)).hexdigest()


def manifest(shape: Shape, hashes: Iterable[tuple[str, str]]) -> bytes:
    """Return the bytes whose hash is the asset's. A NUL, which no name holds, ends each part."""
    return b"".join(
        [shape.encode(), b"\0"]
        + [b"%s %s\0" % (digest.encode(), os.fsencode(name)) for name, digest in hashes]
    )


def _file(name: str, path: str) -> ContentFile:
    found = Path(path).stat()
    return ContentFile(name, found.st_size, partial(_read, path), S_IMODE(found.st_mode))


def _follow(shown: Path, link: Path, root: Path) -> str:
    """Return the real path that a link leads to. Raises `WrongUsage` where it leaves `root`."""
    try:
        real = link.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise WrongUsage(f"{shown} is a link that leads nowhere: remove it") from error
    if not real.is_relative_to(root):
        raise WrongUsage(f"{shown} is a link out of the folder, to {real}: put a copy in its place")
    return str(real)


def _read(path: str) -> Iterator[bytes]:
    """Read a file in chunks. Raises `WrongUsage` where it can't be read, or is not a file."""
    try:
        # The path is real: a link there now, or a pipe, was put there since it was listed.
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if not S_ISREG(os.fstat(file).st_mode):
                raise WrongUsage(_special(path))
            while chunk := os.read(file, CHUNK):
                yield chunk
        finally:
            os.close(file)
    except OSError as error:
        if error.errno == errno.ENXIO:  # what opening a socket gives
            raise WrongUsage(_special(path)) from error
        raise WrongUsage(f"{path} can't be read ({error.strerror})") from error


def _special(path: str) -> str:
    return f"{path} is neither a file nor a folder: pipes, sockets and devices can't be stored"
