"""Reads requirements files as pip does: joined lines, comments, variables, `-r` and `-c`.

Source: pip's `req_file` and its reference of the requirements file format. Relative paths start
from the folder of the file that they stand in, as uv has it.
"""

from __future__ import annotations

import os
import re
import shlex
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from runner.declarations.document import MAX_BYTES, shown
from runner.declarations.problem import DeclarationError, Place, Problem, refusal
from runner.venvs.environment import DeclaredEnvironment
from runner.venvs.names import name_of
from runner.venvs.secrets import without_keys

_COMMENT = re.compile(r"(^|\s+)#.*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_FILE = re.compile(r"(?:(?<=^)|(?<=@ ))file:[^\s;]+")
_ARCHIVES: Final = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar")

# Options of a whole file: the full name of each, and how many arguments it takes.
_OPTIONS: Final[Mapping[str, tuple[str, int]]] = {
    "-i": ("--index-url", 1),
    "--index-url": ("--index-url", 1),
    "--pypi-url": ("--index-url", 1),
    "--extra-index-url": ("--extra-index-url", 1),
    "-f": ("--find-links", 1),
    "--find-links": ("--find-links", 1),
    "--trusted-host": ("--trusted-host", 1),
    "--no-binary": ("--no-binary", 1),
    "--only-binary": ("--only-binary", 1),
    "--no-index": ("--no-index", 0),
    "--pre": ("--pre", 0),
    "--require-hashes": ("--require-hashes", 0),
    # These two have no meaning for uv.
    "--prefer-binary": ("--prefer-binary", 0),
    "--use-feature": ("--use-feature", 1),
}
_FILES: Final = {
    "-r": "-r",
    "--requirement": "-r",
    "-c": "-c",
    "--constraint": "-c",
}
_EDITABLE: Final = ("-e", "--editable")


@dataclass
class Requirements:
    """The requirements and options of requirements files, with the place of each line."""

    requirements: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """A requirement or an option as it is written, and where."""

    text: str
    place: Place


def read_lines(file: Path) -> list[Line]:
    """Return a requirements file's lines, joined. Raises DeclarationError."""
    text = _read_text(file)
    return [
        Line(stripped, Place(file, number))
        for number, line in _joined(text.splitlines())
        if (stripped := _COMMENT.sub("", line).strip())
    ]


def read_requirements(lines: Iterable[Line]) -> Requirements:
    """Return what lines ask for, with the files that they include by `-r` and `-c`.

    Raises DeclarationError with the place of a line that is wrong, names a file that is not
    there, or includes a file that includes it.
    """
    found = Requirements()
    _collect(lines, found, constraints=False, trail=())
    return found


def with_requirements(declared: DeclaredEnvironment, found: Requirements) -> DeclaredEnvironment:
    """Return an environment that asks for what was read, and for nothing else."""
    return replace(
        declared,
        requirements=tuple(found.requirements),
        constraints=tuple(found.constraints),
        options=tuple(found.options),
        places=dict(found.places),
    )


def expanded(text: str) -> str:
    """Return a text with `${NAME}` replaced where the shell has such a variable, as pip does it."""
    return _VARIABLE.sub(lambda found: os.environ.get(found[1]) or found[0], text)


def local_path(requirement: str) -> Path | None:
    """Return the file or folder that a requirement installs, if it installs one."""
    text = requirement.removeprefix("-e ").strip()
    target = re.split(r"\s*;|\s+--", text, maxsplit=1)[0]
    if " @ " in text or text.startswith("file:"):
        address = text.rpartition(" @ ")[2].split(" ;")[0].split(" --")[0].strip()
        if not address.startswith("file:"):
            return None
        from urllib.parse import unquote, urlsplit

        return Path(unquote(urlsplit(address).path))
    target = re.sub(r"\[[^]]*\]$", "", target)
    return Path(expanded(target)) if target.startswith(("/", "$")) else None


def _collect(
    lines: Iterable[Line], found: Requirements, *, constraints: bool, trail: tuple[Path, ...]
) -> None:
    problems: list[Problem] = []
    for line in lines:
        try:
            _take(line, found, constraints, trail)
        except DeclarationError as error:
            problems.extend(error.problems)
    if problems:
        raise DeclarationError(problems)


def _take(line: Line, found: Requirements, constraints: bool, trail: tuple[Path, ...]) -> None:
    if not line.text.startswith("-"):
        text = _absolute(line, line.text)
        _add(line, text, found.constraints if constraints else found.requirements, found)
        return
    for word, value in _options(line):
        if word in _FILES:
            _include(line, value, found, constraints or _FILES[word] == "-c", trail)
        elif word in _EDITABLE:
            target = _absolute(line, value, editable=True)
            # uv takes no address as editable, as what it fetches is a copy.
            remote = "://" in target and not target.startswith("file:")
            _add(line, target if remote else f"-e {target}", found.requirements, found)
        else:
            _add_option(line, word, value, found)


def _add(line: Line, text: str, among: list[str], found: Requirements) -> None:
    if text not in among:
        among.append(text)
    found.places.setdefault(text, str(line.place))


def _add_option(line: Line, word: str, value: str, found: Requirements) -> None:
    name, _ = _OPTIONS[word]
    if name == "--find-links" and "://" not in expanded(value):
        value = str(_path(line, value))
    option = f"{name} {value}".strip()
    if option not in found.options:
        found.options.append(option)


def _include(
    line: Line, name: str, found: Requirements, constraints: bool, trail: tuple[Path, ...]
) -> None:
    if "://" in name:
        text = f"found the address {shown(without_keys(name))}, allowed: a file on this machine"
        raise refusal(line.place, "", text)
    file = _path(line, name)
    if file in (*trail, line.place.file):
        raise refusal(line.place, "", f"{name} includes itself: take one of the lines out")
    try:
        lines = read_lines(file)
    except DeclarationError as error:
        if file.exists():
            raise
        raise refusal(line.place, "", f"there is no file {file}") from error
    _collect(lines, found, constraints=constraints, trail=(*trail, line.place.file))


def _options(line: Line) -> Iterator[tuple[str, str]]:
    """Yield the options on a line, each with its value."""
    try:
        words = shlex.split(line.text)
    except ValueError:
        raise refusal(line.place, "", "found a quote that is not closed") from None
    while words:
        word, separator, value = words.pop(0).partition("=")
        if (
            word[:1] == "-" != word[1:2] and len(word) > 2
        ):  # -rfile, and an address with a `=` in it
            word, value = word[:2], word[2:] + separator + value
        known = word in _OPTIONS or word in _FILES or word in _EDITABLE
        if not known:
            text = f"found {shown(word)}, allowed: requirements, and pip's options of such files"
            raise refusal(line.place, "", text)
        if word in _OPTIONS and not _OPTIONS[word][1]:
            yield word, ""
            continue
        if not value and words:
            value = words.pop(0)
        if not value:
            raise refusal(line.place, "", f"found nothing after {word}, allowed: its value")
        yield word, value


def _absolute(line: Line, text: str, *, editable: bool = False) -> str:
    """Return a requirement with an absolute path, which must be there, if it has any."""
    if address := _FILE.search(text):
        return _with_file(line, text, address[0])
    head, *options = re.split(r"\s+(?=--?[A-Za-z])", text, maxsplit=1)
    target, separator, marker = head.partition(";")
    bare = re.sub(r"\[[^]]*\]$", "", target.strip())
    if not _is_path(bare) and not (editable and "://" not in expanded(bare)):
        if name_of(text) is None and "://" not in expanded(text) and not text.startswith("file:"):
            text = f"found {shown(without_keys(text))}, allowed: a package, a path or an address"
            raise refusal(line.place, "", text)
        return text
    path = _path(line, bare)
    if not path.exists():
        raise refusal(line.place, "", f"there is no file or folder {path}")
    extras = target.strip()[len(bare) :]
    condition = f" ; {marker.strip()}" if separator else ""
    return " ".join([f"{path}{extras}{condition}", *options])


def _with_file(line: Line, text: str, address: str) -> str:
    """Return a requirement whose address of a file is absolute."""
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(expanded(address))
    path = _path(line, unquote(parts.path))
    if not path.exists():
        says = f"there is no file or folder {path}: name a version in its place, as in name==1.2"
        raise refusal(line.place, "", says)
    if parts.path.startswith("/"):
        return text
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    return text.replace(address, f"{path.absolute().as_uri()}{fragment}")


def _is_path(text: str) -> bool:
    text = expanded(text)
    if "://" in text or " @ " in text or text.startswith("file:"):
        return False
    return text.startswith(".") or "/" in text or text.lower().endswith(_ARCHIVES)


def _path(line: Line, text: str) -> Path:
    return Path(os.path.normpath(line.place.file.parent / expanded(text)))


def _joined(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield lines, those joined that end with a backslash, each with the number of its first."""
    first, parts = 0, list[str]()
    for number, line in enumerate(lines, start=1):
        comment = _COMMENT.match(line)
        if line.endswith("\\") and not comment:
            first = first if parts else number
            parts.append(line.strip("\\"))
            continue
        whole = "".join([*parts, f" {line}" if comment else line])
        yield (first if parts else number), whole
        parts = []
    if parts:
        yield first, "".join(parts)


def _read_text(file: Path) -> str:
    place = Place(file, 0)
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        raise refusal(place, "", "there is no such file") from None
    except OSError as error:
        raise refusal(place, "", f"the file can't be read: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise refusal(place, "", "the file is bigger than 1 MiB, the most a declaration may be")
    # PowerShell's `pip freeze > requirements.txt` writes UTF-16, which pip reads.
    encoding = "utf-16" if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise refusal(
            Place(file, line), "", "found bytes that are not UTF-8, allowed: UTF-8 text"
        ) from None
