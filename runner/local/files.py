"""Content-addressed files of the local workspace: every content is kept once.

    <home>/files/<aa>/<hash>          one content, read-only; <aa> begins its hash
    <home>/trees/<hash>/folder/…      a stored folder, hard links to the files
    <home>/trees/<hash>/file/<name>   a stored single file
    <home>/tmp/                       files being written, and for a day those of killed processes

A tree's hash is that of its manifest (`runner.assets.content`), which is kept as a content itself.
Everything is written to a temporary path and then renamed, so what is seen under `files` and
`trees` is complete, and processes that store the same thing at once do not disturb each other.
Contents are synced before that; a tree that a power cut takes is laid out again.

A stored file may be damaged later, so it is held against its hash before it is used (`check`), and
replaced where it is stored again.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from stat import S_IMODE, S_ISREG

from runner.assets.content import (
    Content,
    ContentFile,
    Shape,
    counted,
    hash_file,
    manifest,
    scan,
    scan_whole,
    walk,
)
from runner.assets.ignore_files import find_ignore_rules
from runner.engine.disk import FULL
from runner.errors import EnvironmentRefused, WrongUsage
from runner.files.atomic import check_absent, create_atomically, remove, temporary_path
from runner.files.privacy import copy_file, make_private
from runner.files.syncing import sync
from runner.local.checked import Kept, find_unsound, remember
from runner.workspace import OnProgress, Transfer

_WRITTEN = 10**18  # nanoseconds since the epoch at which contents seem to be written: see `_write`
_LABEL = "the asset"
_CUT_OFF = 24 * 3600  # seconds after which no process still writes what is in `tmp`
_LOOKED_AT = 1000  # files of a folder
_HOME_WAY_OUT = "or set RUNNER_HOME to a folder elsewhere"
_TARGET_WAY_OUT = "or name a place elsewhere"


@dataclass(frozen=True)
class Tree:
    """A stored file or folder."""

    hash: str  # of names and contents
    path: Path  # the file, or the folder, inside the workspace


def store(
    home: Path,
    source: Path,
    names: Sequence[str] | None = None,
    *,
    all_files: bool = False,
    on_progress: OnProgress = lambda _: None,
) -> Tree:
    """Keep a copy of a file, or of what counts of a folder, and return where it is.

    `names` are the files of a folder that count, if not all do. With `all_files` the folder's
    ignore file is ignored. `on_progress` is called as it advances.

    All files are read once for their hashes, and those that are not stored yet, or are damaged in
    the store, once more. Memory doesn't grow with the size. Raises
    `WrongUsage` for what can't be stored and `EnvironmentRefused` where the workspace can't be
    written.
    """
    began = time.time_ns()
    _check_apart(home, source)
    content = scan_whole(source) if all_files else scan(source, names)
    name = source.absolute().name
    with _writing(home, _HOME_WAY_OUT):
        _make_ready(home)
        read = counted(
            content, lambda done: on_progress(Transfer("reading", name, done, content.size))
        )
        hashes = {file.name: hash_file(file) for file in read.files}
        tree = _keep_tree(
            home, content.shape, _keep_missing(home, content, hashes, name, on_progress)
        )
    with suppress(PermissionError):  # another user's tree
        # The moment at which the source was last known to be the same.
        os.utime(home / "trees" / tree.hash, ns=(began, began))
    return tree


def store_content(home: Path, content: Content) -> Tree:
    """Keep a content that comes from elsewhere; each of its files is read once.

    Raises `EnvironmentRefused` where the workspace can't be written.
    """
    with _writing(home, _HOME_WAY_OUT):
        _make_ready(home)
        return _keep_tree(home, content.shape, _keep_new(home, content.files))


def contents(home: Path, tree: str) -> Content:
    """Return the content of a stored file or folder. Raises as `check`."""
    shape, entries = _load(home, tree)
    path = check(home, tree)
    return scan_whole(path) if shape == "file" else scan(path, [name for name, _ in entries])


def check(home: Path, tree: str, label: str = _LABEL) -> Path:
    """Check a stored file or folder against its hashes, and return its path.

    A file that is gone or damaged is linked again if its content is sound. If that is damaged, too,
    raises `EnvironmentRefused` with the file, and with `label`, the asset to be registered again.
    """
    path = checkout(home, tree, label)
    for file, content_hash in find_damaged(home, tree, label):
        kept = _kept(home, content_hash)
        if find_unsound(home, [(kept, content_hash)]):
            what = "is damaged" if os.path.lexists(file) else "is missing"
            raise EnvironmentRefused(
                f"{file} {what}: register {label} again from its source, which mends it"
            )
        with _writing(home, _HOME_WAY_OUT):
            _replace(home, kept, file)
    return path


def find_damaged(home: Path, tree: str, label: str = _LABEL, *, again: bool = False) -> list[Kept]:
    """Return the files of a stored file or folder that are not as they were stored, with hashes.

    With `again` all are read, also those that have not changed. Raises `EnvironmentRefused` where
    the list of its files is lost or damaged itself.
    """
    shape, entries = _load(home, tree, label)
    folder = home / "trees" / tree / shape
    return find_unsound(
        home, [(folder / name, content_hash) for name, content_hash in entries], again=again
    )


def looks_changed(home: Path, tree: str, source: Path) -> bool:
    """Return whether a file or folder looks changed since it was last stored as this tree.

    It compares the names and sizes of up to a thousand files, and the content of those that were
    modified since, so that a `touch`, or a switch of branches and back, makes no difference. False
    also if that can't be compared.
    """
    from filecmp import cmp

    try:
        root = source.resolve(strict=True)
        stored = checkout(home, tree)
        published, now = home / "trees" / tree, time.time_ns()
        since = published.stat().st_mtime_ns
        if root.is_dir() != stored.is_dir():
            return True
        pairs = [(root, stored)]
        if root.is_dir():
            found = list(islice(walk(source, root, find_ignore_rules(source)), _LOOKED_AT))
            pairs = [(Path(path), stored / name) for name, path in found]
            # Each of them is stored, so a smaller number means that a file is gone.
            if len(found) < sum(1 for _ in islice(walk(stored, stored), _LOOKED_AT)):
                return True
        if any(_differs_in_size(*pair) for pair in pairs):
            return True
        touched = [pair for pair in pairs if pair[0].stat().st_mtime_ns > since]
        if not all(cmp(*pair, shallow=False) for pair in touched):
            return True
        if touched:
            with suppress(PermissionError):  # another user's tree
                os.utime(published, ns=(now, now))  # so that they are not read again
        return False
    except (OSError, WrongUsage, EnvironmentRefused):
        return False


def checkout(home: Path, tree: str, label: str = _LABEL) -> Path:
    """Return the path of a stored file or folder, which is laid out again if it was deleted.

    Its content is not checked, unlike by `check`. Raises `EnvironmentRefused` where the
    workspace has lost a part of it, with `label` as there.
    """
    published = home / "trees" / tree
    folder = published / "folder"
    if os.path.isdir(folder):  # noqa: PTH112 - Path's raises where a permission lacks
        return folder
    shape, entries = _load(home, tree, label)
    if not os.path.isdir(published):  # noqa: PTH112
        with _writing(home, _HOME_WAY_OUT):
            _publish(home, tree, shape, entries)
    return folder if shape == "folder" else published / "file" / entries[0][0]


def copy_out(home: Path, tree: str, target: Path) -> Path:
    """Copy a stored file or folder to `target`, as ordinary writable files, and return `target`.

    The copy appears atomically. Raises `WrongUsage` where the target exists,
    `EnvironmentRefused` where it can't be written, and as `check`.
    """
    check_absent(target)
    shape, entries = _load(home, tree)
    sources = _inside(check(home, tree), shape, entries)
    only = None if shape == "folder" else entries[0][0]
    with _writing(target.parent, _TARGET_WAY_OUT), create_atomically(target, only) as path:
        _lay_out(sources, path, copy_file)
    return target


def link_out(home: Path, tree: str, target: Path, label: str = _LABEL) -> None:
    """Lay a stored file or folder out at `target` as read-only links, which costs no space.

    A target that exists stays if it is complete and sound, and is replaced otherwise. Raises
    `EnvironmentRefused` if it can't be written, and as `check`.
    """
    shape, entries = _load(home, tree)
    path = check(home, tree, label)
    targets = _inside(target, shape, entries).values()
    hashes = [content_hash for _, content_hash in entries]
    if not find_unsound(home, list(zip(targets, hashes, strict=True))):
        return
    sources = _inside(path, shape, entries)
    with _writing(target.parent, _HOME_WAY_OUT):
        _make_folder(home, target.parent)
        remove(target)
        if shape == "folder":
            _lay_out(sources, target, _link)
        else:
            _lay_out({target.name: path}, target.parent, _link)
    # Each of them has a link more, and with it another time of change.
    remember(home, zip(sources.values(), hashes, strict=True))


def _make_ready(home: Path) -> None:
    _make_folder(home, home / "tmp")
    _sweep(home / "tmp")


def _keep_missing(
    home: Path,
    content: Content,
    hashes: Mapping[str, str],
    name: str,
    on_progress: OnProgress,
) -> dict[str, str]:
    """Keep the files that are not kept yet, and return the hashes of all as they are kept."""
    kept_files = [(_kept(home, content_hash), content_hash) for content_hash in hashes.values()]
    lacking = {content_hash for _, content_hash in find_unsound(home, kept_files)}
    missing = [file for file in content.files if hashes[file.name] in lacking]
    # Files of one content take their room once.
    size = sum({hashes[file.name]: file.size for file in missing}.values())
    kept = dict(hashes)
    new = counted(
        Content(content.shape, missing),
        lambda done: on_progress(Transfer("storing", name, done, size)),
    )
    # Hashed again on the way: the source may have changed since.
    kept |= _keep_new(home, new.files, hashes)
    for file in content.files:
        if hashes[file.name] not in lacking:
            _limit(home, hashes[file.name], file.mode)
    return kept


def _keep_tree(home: Path, shape: Shape, hashes: Mapping[str, str]) -> Tree:
    """Keep the list of what a tree holds, of which all is kept and sound, and lay the tree out."""
    import hashlib

    listed = manifest(shape, hashes.items())
    tree = hashlib.sha256(listed).hexdigest()
    kept_list = (_kept(home, tree), tree)
    if find_unsound(home, [kept_list]):
        _keep_new(home, [ContentFile("", len(listed), lambda: iter([listed]))])
        remember(home, [kept_list])
    laid_out = (home / "trees" / tree).is_dir()
    path = checkout(home, tree)
    if laid_out:
        return Tree(tree, check(home, tree))
    sources = _inside(path, shape, list(hashes.items()))
    remember(home, zip(sources.values(), hashes.values(), strict=True))
    return Tree(tree, path)


def _differs_in_size(path: Path, stored: Path) -> bool:
    try:
        return path.stat().st_size != stored.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return True


def _sweep(folder: Path) -> None:
    """Remove what killed processes left in a folder."""
    with os.scandir(folder) as entries:
        for entry in entries:
            # Another process may be sweeping, too, and what stays does no harm.
            with suppress(OSError):
                if time.time() - entry.stat(follow_symlinks=False).st_mtime > _CUT_OFF:
                    remove(Path(entry.path))


def _check_apart(home: Path, source: Path) -> None:
    """Refuse to store the workspace in itself."""
    # A path that can't be resolved is refused by `scan`.
    with suppress(OSError, RuntimeError):
        root = source.resolve(strict=True)
        if root.is_dir() and home.resolve().is_relative_to(root):
            raise WrongUsage(f"{source} contains the workspace {home}: name a folder that does not")


def _keep_new(
    home: Path, files: Iterable[ContentFile], expected: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Keep files that are read only once, and return their hashes by their names.

    Damaged contents are replaced. Of files that are `expected` to have the same hash, one is read.
    A user who may not read all sources of a content may not read the content. All are synced before
    the first is moved to its place, so that a power cut leaves none there that is incomplete.
    """
    hashes: dict[str, str] = {}
    written: dict[str, Path] = {}  # by hash
    with temporary_path(home / "tmp") as staging:
        staging.mkdir(0o700)
        for number, file in enumerate(files):
            if expected is not None and expected[file.name] in written:
                _agree(written[expected[file.name]], file.mode)
                continue
            path = staging / str(number)
            hashes[file.name] = _write(path, file)
            _agree(written.setdefault(hashes[file.name], path), file.mode)
        sync(written.values())
        for content_hash, path in written.items():
            _publish_content(home, path, content_hash)
        folders = {_kept(home, content_hash).parent for content_hash in written}
        sync([*folders, home / "files", home])
    return hashes


def _write(path: Path, source: ContentFile) -> str:
    """Write a content to a staging file, with the rights of its source, and return its hash.

    All get the same time of modification, long ago. So a later change always changes that time,
    and a repaired content looks the same to a job that has read it.
    """
    import hashlib

    written = hashlib.sha256()
    rights = _readable(source.mode)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, rights), "wb") as file:
        for chunk in source.read():
            written.update(chunk)
            file.write(chunk)
    os.utime(path, ns=(_WRITTEN, _WRITTEN))
    return written.hexdigest()


def _publish_content(home: Path, path: Path, content_hash: str) -> None:
    """Move a content that was staged to its place, if no sound one is there."""
    kept = _kept(home, content_hash)
    _make_folder(home, kept.parent)
    try:
        # A rename would replace what another process has kept meanwhile, and a link that is
        # made to a file at the moment of its replacement fails: link(2) gives ENOENT then.
        kept.hardlink_to(path)
    except FileExistsError:
        if find_unsound(home, [(kept, kept.name)]):
            _put(path, kept)
        else:
            _limit(home, content_hash, path.stat().st_mode)
    except OSError:
        _put(path, kept)  # a file system without links


def _limit(home: Path, content_hash: str, mode: int) -> None:
    """Limit who may read a sound content to those who may read its new source."""
    kept = _kept(home, content_hash)
    if _agree(kept, mode):
        remember(home, [(kept, content_hash)])


def _agree(path: Path, mode: int) -> bool:
    """Remove rights to a content that another source doesn't give; return whether it had any.

    It can be executed by its owner where one of its sources can be.
    """
    found, wanted = S_IMODE(path.stat().st_mode), _readable(mode)
    agreed = _readable(found & wanted | (found | wanted) & 0o100)
    if agreed != found:
        path.chmod(agreed)
    return agreed != found


def _readable(mode: int) -> int:
    """Return the rights of a content, which nobody writes to, by those of its source."""
    may_read = mode & 0o444 | 0o400
    return may_read | may_read >> 2 if mode & 0o100 else may_read


def _kept(home: Path, content_hash: str) -> Path:
    return home / "files" / content_hash[:2] / content_hash


def _load(home: Path, tree: str, label: str = _LABEL) -> tuple[Shape, list[tuple[str, str]]]:
    """Read a tree's manifest: its shape, its names and their contents' hashes."""
    import hashlib

    kept = _kept(home, tree)
    try:
        # Nothing else is opened: reading a pipe would never end.
        listed = kept.read_bytes() if S_ISREG(os.lstat(kept).st_mode) else b""
    except (FileNotFoundError, NotADirectoryError) as error:
        raise EnvironmentRefused(_lost(kept, label)) from error
    except OSError as error:
        raise EnvironmentRefused(
            f"{error.filename} can't be read ({error.strerror}): check its permissions"
        ) from error
    shape, *lines = listed.removesuffix(b"\0").split(b"\0")
    entries = [(os.fsdecode(line[65:]), line[:64].decode("ascii", "replace")) for line in lines]
    if hashlib.sha256(listed).hexdigest() != tree:
        raise EnvironmentRefused(f"{kept} is damaged: register {label} again from its source")
    if (
        shape not in (b"file", b"folder")
        or not entries
        or (shape == b"file" and (len(entries) > 1 or "/" in entries[0][0]))
        or any({"", ".", ".."}.intersection(name.split("/")) for name, _ in entries)
    ):
        raise EnvironmentRefused(
            f"{kept} is not a list of files: delete it, and register {label} again"
        )
    return ("file" if shape == b"file" else "folder"), entries


def _lost(kept: Path, label: str = _LABEL) -> str:
    return f"{kept} is missing: register {label} again from its source"


def _publish(home: Path, tree: str, shape: Shape, entries: list[tuple[str, str]]) -> None:
    """Lay out a tree under its hash."""
    target = home / "trees" / tree
    _make_folder(home, target.parent)
    _make_folder(home, home / "tmp")
    with temporary_path(home / "tmp") as path:
        kept = {name: _kept(home, content_hash) for name, content_hash in entries}
        _lay_out(kept, path / shape, _link)
        try:
            _put(path, target)
        except OSError as error:
            # Another process came first, with the same tree.
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise


def _inside(path: Path, shape: Shape, entries: list[tuple[str, str]]) -> dict[str, Path]:
    """Return the paths of the files of a tree that is laid out, by their names."""
    return {name: path if shape == "file" else path / name for name, _ in entries}


def _replace(home: Path, kept: Path, target: Path) -> None:
    """Put a link to a content in the place of what is at `target`, if anything is."""
    _make_folder(home, target.parent)
    _make_folder(home, home / "tmp")
    with temporary_path(home / "tmp") as path:
        _link(kept, path)
        _put(path, target)


def _make_folder(home: Path, folder: Path) -> None:
    """Make a folder of the workspace, and remove what lies in its place and is no folder."""
    try:
        make_private(folder, home)
    except (FileExistsError, NotADirectoryError):
        for path in reversed((folder, *folder.relative_to(home).parents[:-1])):
            if os.path.lexists(home / path) and not (home / path).is_dir():
                (home / path).unlink()
        make_private(folder, home)


def _put(path: Path, target: Path) -> None:
    """Rename a path to `target`, also where a folder takes the place of a file, or a file its."""
    try:
        path.replace(target)
    except (IsADirectoryError, NotADirectoryError):
        remove(target)
        path.replace(target)


def _lay_out(sources: Mapping[str, Path], folder: Path, put: Callable[[Path, Path], None]) -> None:
    """Make the folder, and `put` every file into it by its name."""
    made: set[str] = set()
    for name, source in sources.items():
        parent = name.rpartition("/")[0]
        if parent not in made:
            (folder / parent).mkdir(parents=True, exist_ok=True)
            made.add(parent)
        try:
            put(source, folder / name)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            if source.is_file():
                raise
            raise EnvironmentRefused(_lost(source)) from error


def _link(kept: Path, target: Path) -> None:
    try:
        target.hardlink_to(kept)
    except (FileNotFoundError, FileExistsError):
        raise
    except OSError:
        # Some file systems have no links, and all have a limit on the links to one file.
        copy_file(kept, target)
        target.chmod(S_IMODE(kept.stat().st_mode))


@contextmanager
def _writing(folder: Path, way_out: str) -> Iterator[None]:
    """Turn an OSError into an error of one line that names the folder."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise EnvironmentRefused(
                f"no room left in {folder} ({error.strerror}): make room, {way_out}"
            ) from error
        raise EnvironmentRefused(
            f"can't write in {folder} ({error.strerror}): make it writable, {way_out}"
        ) from error
