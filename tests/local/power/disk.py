"""A disk that forgets: what processes did below a folder, and what a power cut leaves of it.

`recorder.c` writes down every change. A cut after some of them leaves what was synced by then, and
of the rest whatever a file system may leave (Pillai et al., "All file systems are not created
equal", OSDI 2014): of a file's writes none, some, all, or their length alone; of a folder's names
the changes up to a moment, or any of them. A rename happens as a whole, and is kept where either
of its folders was synced.

What it does not have: sectors that a drive tears, blocks that come back as other blocks, and
directories that a file system itself damages. SQLite's shared memory is never kept.
"""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

_HEAD = struct.Struct("5Q")
_SHARED_MEMORY = "-shm"


@dataclass(frozen=True)
class Change:
    """A change that a process made."""

    kind: str  # Open, Write, Truncate, Rename, Link, Unlink, Make a folder, F: sync, Y: sync all
    inode: int
    offset: int
    first: bytes
    second: bytes


@dataclass(eq=False)
class File:
    inode: int
    writes: list[tuple[int, bytes | None]] = field(default_factory=list)  # None: cut to that length
    synced: int = 0  # of the writes
    modified: int | None = None  # nanoseconds, when it was synced


@dataclass(eq=False)
class Folder:
    inode: int
    names: dict[str, Node] = field(default_factory=dict)


Node: TypeAlias = File | Folder
_Naming: TypeAlias = tuple[Folder, str, Node | None]  # None: the name is gone


@dataclass(eq=False)
class _Change:
    """Changes of names that happen as one."""

    namings: tuple[_Naming, ...]
    synced: bool = False


class Disk:
    """The content of a folder, and the part of it that a power cut can't take."""

    def __init__(self, root: Path) -> None:
        self._path = root
        self._root = Folder(root.stat().st_ino)
        self._by_inode: dict[int, Node] = {self._root.inode: self._root}
        self._changes: list[_Change] = []

    def take(self, change: Change) -> None:
        """Do what a process did."""
        kind = change.kind
        if kind == "O":
            parent, name = self._place(change.first)
            node = parent.names.get(name)
            if node is None:
                node = File(change.inode)
                self._by_inode[change.inode] = node
                self._rename((parent, name, node))
            if change.offset and isinstance(node, File):
                node.writes.append((0, None))
        elif kind in "WT":
            node = self._by_inode[change.inode]
            assert isinstance(node, File)
            node.writes.append((change.offset, change.first if kind == "W" else None))
        elif kind == "M":
            parent, name = self._place(change.first)
            self._by_inode[change.inode] = folder = Folder(change.inode)
            self._rename((parent, name, folder))
        elif kind == "U":
            self._rename((*self._place(change.first), None))
        elif kind in "RL":
            (source, old), (target, new) = self._place(change.first), self._place(change.second)
            put = (target, new, source.names[old])
            self._rename(*((put,) if kind == "L" else ((source, old, None), put)))
        elif kind == "F":
            node = self._by_inode[change.inode]
            self._sync(node)
            if isinstance(node, File):
                node.modified = change.offset
        else:
            assert kind == "Y", kind
            for node in self._by_inode.values():
                self._sync(node)

    def whole(self) -> dict[str, bytes | None]:
        """Return all there is, synced or not: bytes by path, None for a folder."""
        return {
            path: _content(node.writes) if isinstance(node, File) else None
            for path, node in _walk(self._root)
        }

    def lay_out(self, chance: random.Random) -> None:
        """Put into the folder what a power cut leaves now."""
        _empty(self._path)
        root = self._after_a_cut(chance)
        made: dict[int, Path] = {}
        for name, node in _walk(root):
            path = self._path / name
            if isinstance(node, Folder):
                path.mkdir()
            elif name.endswith(_SHARED_MEMORY):
                continue
            elif id(node) in made:
                path.hardlink_to(made[id(node)])
                continue
            else:
                path.write_bytes(_left_of(node, chance))
                if node.modified is not None:
                    os.utime(path, ns=(node.modified, node.modified))
            made[id(node)] = path
        inodes = {
            node.inode: self._path / name for name, node in _walk(root) if isinstance(node, Folder)
        }
        for mark in self._path.rglob("delivered"):
            _renumber(mark, inodes)

    def _after_a_cut(self, chance: random.Random) -> Folder:
        """Return the names that are left, below the files as they are now."""
        unsynced = [change for change in self._changes if not change.synced]
        kept: set[int] = set()
        mode = chance.choice(["none", "all", "first", "any"])
        if mode == "all":
            kept = set(map(id, unsynced))
        elif mode == "first" and unsynced:
            kept = set(map(id, unsynced[: chance.randrange(len(unsynced) + 1)]))
        elif mode == "any":
            kept = {id(change) for change in unsynced if chance.random() < 0.5}
        left: dict[int, Folder] = {id(self._root): Folder(self._root.inode)}

        def copy(node: Node) -> Node:
            if isinstance(node, File):
                return node
            return left.setdefault(id(node), Folder(node.inode))

        for change in self._changes:
            if change.synced or id(change) in kept:
                for folder, name, node in change.namings:
                    names = left.setdefault(id(folder), Folder(folder.inode)).names
                    if node is None:
                        names.pop(name, None)
                    else:
                        names[name] = copy(node)
        return left[id(self._root)]

    def _place(self, path: bytes) -> tuple[Folder, str]:
        parts = Path(os.path.normpath(os.fsdecode(path))).relative_to(self._path).parts
        folder = self._root
        for part in parts[:-1]:
            inner = folder.names[part]
            assert isinstance(inner, Folder)
            folder = inner
        return folder, parts[-1]

    def _rename(self, *namings: _Naming) -> None:
        for folder, name, node in namings:
            if node is None:
                del folder.names[name]
            else:
                folder.names[name] = node
        self._changes.append(_Change(namings))

    def _sync(self, node: Node) -> None:
        if isinstance(node, File):
            node.synced = len(node.writes)
            return
        for change in self._changes:
            if any(folder is node for folder, _, _ in change.namings):
                change.synced = True


def record(
    command: Sequence[str], below: Path, place: Path, folder: Path, environment: Mapping[str, str]
) -> None:
    """Run a command in a folder and environment, and write down all that it and its children
    change in files `below`. The folder `place` is where that is written, for `changes`."""
    library, log = place / "recorder.so", _log(place)
    source = Path(__file__).with_name("recorder.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    log.touch()
    recording = {"LD_PRELOAD": library, "RECORD_BELOW": below, "RECORD_TO": log}
    subprocess.run(
        command,
        check=True,
        cwd=folder,
        env={**environment, **{name: str(path) for name, path in recording.items()}},
        capture_output=True,
        timeout=60,
    )


def changes(place: Path) -> list[Change]:
    """Return the recorded changes, in order."""
    log = _log(place).read_bytes()
    found, at = [], 0
    while at < len(log):
        kind, inode, offset, first_size, second_size = _HEAD.unpack_from(log, at)
        at += _HEAD.size
        first, second = (
            log[at : at + first_size],
            log[at + first_size : at + first_size + second_size],
        )
        at += first_size + second_size
        found.append(Change(chr(kind), inode, offset, first, second))
    return found


def there(root: Path) -> dict[str, bytes | None]:
    """Return the content of a folder, in the form of `Disk.whole`."""
    return {
        str(path.relative_to(root)): None if path.is_dir() else path.read_bytes()
        for path in root.rglob("*")
    }


def _log(place: Path) -> Path:
    return place / "changes"


def _walk(folder: Folder, below: str = "") -> Iterator[tuple[str, Node]]:
    for name, node in folder.names.items():
        yield f"{below}{name}", node
        if isinstance(node, Folder):
            yield from _walk(node, f"{below}{name}/")


def _content(writes: Sequence[tuple[int, bytes | None]]) -> bytes:
    content = bytearray()
    for offset, written in writes:
        if written is None:
            del content[offset:]
            content.extend(bytes(offset - len(content)))
        else:
            content.extend(bytes(max(0, offset - len(content))))
            content[offset : offset + len(written)] = written
    return bytes(content)


def _left_of(file: File, chance: random.Random) -> bytes:
    """Return what a cut leaves of a file's bytes."""
    synced, rest = file.writes[: file.synced], file.writes[file.synced :]
    how = chance.choice(["none", "all", "first", "any", "length"])
    if not rest or how == "none":
        return _content(synced)
    if how == "length":
        # Where its bytes were to be there are zeros; what was there before is as it was.
        sound, length = _content(synced), len(_content(file.writes))
        return sound[:length] + bytes(max(0, length - len(sound)))
    if how == "any":
        rest = [write for write in rest if chance.random() < 0.5]
    if how == "first":
        rest = rest[: chance.randrange(len(rest)) + 1]
        offset, written = rest[-1]
        if written:
            rest[-1] = offset, written[: chance.randrange(len(written))]
    return _content([*synced, *rest])


def _renumber(mark: Path, inodes: Mapping[int, Path]) -> None:
    """Let the mark of a delivered output name the same folder, which has another inode here."""
    words = mark.read_text(errors="replace").split()
    if len(words) == 2 and words[1].isdecimal() and (folder := inodes.get(int(words[1]))):
        status = folder.stat()
        mark.write_text(f"{status.st_dev} {status.st_ino}")


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
