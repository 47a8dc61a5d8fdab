"""Keeps the environments that were made on this machine, each in a folder named by its content.

<home>/venvs/<key>/
    venv/            the environment, made in place: it can't be moved
    record.json      what it is made of; written last, so an entry without it is not complete
    used/<digest>-<process>    its uses, by user and process
<home>/venvs/<key>.lock     held exclusively to make or remove it, shared to use it
<home>/venvs/<key>.log      what uv or conda printed
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from runner.errors import EnvironmentRefused, NotFound
from runner.files.atomic import remove, write_atomically
from runner.files.privacy import make_private

_RECORD = "record.json"
_VERSION = 1  # of the record; an entry with a record of another version is made again


@dataclass(frozen=True)
class Venv:
    """A virtual environment that was made of a declared one, without any key of an index."""

    name: str
    manager: str  # uv, or conda
    source: str  # what declared it when it was made
    python: str  # the version that it has
    declared_python: str | None
    declared: tuple[str, ...]  # requirements
    build_tools: tuple[str, ...]  # as declared, and installed before them
    options: tuple[str, ...]
    resolved: tuple[str, ...]  # name==version
    added: tuple[str, ...]  # what the runner's own code needs in it
    left_out: tuple[str, ...]  # what only Azure's executor needs
    seconds: float
    size: int  # bytes
    made: str  # ISO 8601, UTC
    version: int = _VERSION


@dataclass(frozen=True)
class Use:
    """A process that used a virtual environment, and when it last did."""

    owner: str
    process: int
    at: str  # ISO 8601, UTC


@dataclass(frozen=True)
class Entry:
    """A virtual environment with its folder and its uses, the last first."""

    venv: Venv
    folder: Path
    uses: tuple[Use, ...] = ()

    @property
    def python(self) -> Path:
        return python_of(self.folder)


def python_of(folder: Path) -> Path:
    """Return where an entry has its Python executable."""
    return folder / "venv" / "bin" / "python"


def folder_of(home: Path, name: str) -> Path:
    return home / "venvs" / name


def log_of(home: Path, name: str) -> Path:
    """Return the file with what uv or conda printed when an entry was made."""
    return home / "venvs" / f"{name}.log"


def complete(home: Path, name: str) -> Venv | None:
    """Return the record of an entry that is complete and has its Python, else None."""
    folder = folder_of(home, name)
    try:
        content: dict[str, Any] = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        if content["version"] != _VERSION:
            return None
        venv = venv_from(content)
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return venv if os.access(python_of(folder), os.X_OK) else None


def venv_from(content: dict[str, Any]) -> Venv:
    """Return a record from what JSON made of it. Raises TypeError for anything else."""
    lists = {key: tuple(value) for key, value in content.items() if isinstance(value, list)}
    return Venv(**(content | lists))


def write_record(home: Path, venv: Venv) -> None:
    """Make an entry complete."""
    write_atomically(folder_of(home, venv.name) / _RECORD, json.dumps(asdict(venv), indent=1))


@contextmanager
def making(home: Path, name: str, log: Callable[[str], object]) -> Iterator[BinaryIO]:
    """Hold an entry exclusively, to make it; the file that is given holds the lock.

    Waits, and says so, while another process makes it: the caller looks again whether it is
    complete.
    """
    try:
        file = _locked(home, name, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        log(f"waiting for another process that makes or uses the venv {name}")
        file = _locked(home, name, fcntl.LOCK_EX)
    with file:
        yield file


def hold(home: Path, name: str, owner: str) -> BinaryIO:
    """Keep an entry from being removed until the file is closed, and note its user.

    Processes that are forked meanwhile hold it as well. Raises EnvironmentRefused where it is
    not there any more.
    """
    file = _locked(home, name, fcntl.LOCK_SH)
    if complete(home, name) is None:
        file.close()
        raise EnvironmentRefused(
            f"the venv {name} was removed meanwhile: begin again, and it is made anew"
        )
    _note_use(folder_of(home, name), owner)
    return file


def entries(home: Path) -> list[Entry]:
    """Return the complete entries, the last used first."""
    found = [found for name in names_of(home) if (found := _entry(home, name)) is not None]
    return sorted(found, key=_last_used, reverse=True)


def entry(home: Path, name: str) -> Entry:
    """Return an entry by its name, or the beginning of it. Raises NotFound."""
    name = whole_name(home, name)
    found = _entry(home, name)
    if found is None:
        raise NotFound(
            f"venv {name} was not made to its end: it is made again when it is needed, or"
            f" `runner venvs remove {name}` removes it"
        )
    return found


def _entry(home: Path, name: str) -> Entry | None:
    venv = complete(home, name)
    folder = folder_of(home, name)
    return None if venv is None else Entry(venv, folder, _uses(folder))


def remove_entry(home: Path, name: str) -> int:
    """Remove an entry, also one that was not made to its end, and return how many bytes it had.

    Raises NotFound, and EnvironmentRefused while it is made or in use.
    """
    name = whole_name(home, name)
    folder = folder_of(home, name)
    try:
        lock = _locked(home, name, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        what = (
            f"in use{_by_users(_uses_by_process(folder))}" if complete(home, name) else "being made"
        )
        raise EnvironmentRefused(f"venv {name} is {what}: wait for its end") from None
    with lock:
        size = size_of(folder)
        (folder / _RECORD).unlink(missing_ok=True)
        remove(folder)
        log_of(home, name).unlink(missing_ok=True)
        _lock_file(home, name).unlink(missing_ok=True)
    return size


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder; links count as themselves."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += (Path(parent) / name).lstat().st_size
    return total


def whole_name(home: Path, name: str) -> str:
    """Return the name of the folder that is called so, or begins so. Raises NotFound."""
    found = [each for each in names_of(home) if name and each.startswith(name)]
    if len(found) == 1 or name in found:
        return name if name in found else found[0]
    problem = f"more than one venv begins with {name!r}" if found else f"no venv {name!r}"
    raise NotFound(f"{problem}; `runner venvs list` has them")


def names_of(home: Path) -> list[str]:
    """Return the names of all entries, also of those that were not made to their end."""
    try:
        return sorted(folder.name for folder in (home / "venvs").iterdir() if folder.is_dir())
    except OSError:
        return []


def _by_users(uses: Iterable[Use]) -> str:
    users = [f"{use.owner} (process {use.process})" for use in uses if _alive(use.process)]
    return f" by {', '.join(users)}" if users else ""


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _last_used(found: Entry) -> str:
    return found.uses[0].at if found.uses else found.venv.made


def _lock_file(home: Path, name: str) -> Path:
    return home / "venvs" / f"{name}.lock"


def _locked(home: Path, name: str, operation: int) -> BinaryIO:
    """Return the lock's file with the lock on it. Raises BlockingIOError and EnvironmentRefused."""
    path = _lock_file(home, name)
    while True:
        try:
            make_private(path.parent, home)
            file = path.open("ab")
        except OSError as error:
            raise EnvironmentRefused(
                f"can't write to {path.parent} ({error.strerror}): set RUNNER_HOME to a folder you"
                " can write to"
            ) from None
        try:
            fcntl.flock(file, operation)
            # Removing an entry removes this file too, so it may be gone by the time of the lock.
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        except BaseException:
            file.close()
            raise
        file.close()


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _note_use(folder: Path, owner: str) -> None:
    digest = hashlib.sha256(owner.encode()).hexdigest()[:16]
    with suppress(OSError):  # on a full disk an entry can still be used
        (folder / "used").mkdir(exist_ok=True)
        for file in (folder / "used").glob(f"{digest}-*"):
            process = file.name.partition("-")[2]
            if process.isdecimal() and not _alive(int(process)):
                file.unlink(missing_ok=True)
        use = Use(owner, os.getpid(), now())
        write_atomically(folder / "used" / f"{digest}-{use.process}", json.dumps(asdict(use)))


def _uses(folder: Path) -> tuple[Use, ...]:
    """Return the users of an entry, each once, the last first."""
    found: dict[str, Use] = {}
    for use in _uses_by_process(folder):
        found.setdefault(use.owner, use)
    return tuple(found.values())


def _uses_by_process(folder: Path) -> list[Use]:
    found: list[Use] = []
    with suppress(OSError):
        for file in (folder / "used").iterdir():
            with suppress(OSError, ValueError, TypeError):
                content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
                found.append(Use(**content))
    return sorted(found, key=lambda use: use.at, reverse=True)
