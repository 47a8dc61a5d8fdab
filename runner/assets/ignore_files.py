"""Tells which files of a folder count, where it has an `.amlignore` or a `.gitignore`.

The rules are those of azure-ai-ml 1.35, which the tests hold these against
(`azure.ai.ml._utils._asset_utils.IgnoreFile`). They are git's, but for these:

- one file counts, of the top folder: its `.amlignore`, else its `.gitignore`;
- each file is judged by itself, so `!kept.txt` brings a file back from a folder that is ignored;
- `folder/*` is also of what lies in folders below, blanks before a pattern are no part of it, and
  `[^a]` is a set with a `^` in it;
- a file that is reached through a link to a folder is judged by where it really lies.

The library `pathspec`, which azure-ai-ml has an old copy of, follows git more closely by now: it
answers otherwise for one in seven patterns that are drawn at random.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.errors import WrongUsage

NAMES = (".amlignore", ".gitignore")  # the first that is there counts
# The names that azure-ai-ml leaves out of a component's code, too, and the workspace's folder.
NEVER_CODE = ("__pycache__", ".runner")

# A text, as compiling it would cost every start, and few folders have an ignore file.
_SIGN = (
    r"(?s)\\(?P<escaped>.)|(?P<any>\*)|(?P<character>\?)|\[(?P<set>!?+\]?+[^\]]*+)\]|(?P<literal>.)"
)


@dataclass(frozen=True)
class Pattern:
    """A line of an ignore file."""

    ignores: bool  # False: it brings back what a line above leaves out
    paths: re.Pattern[str]  # its group `below` is there where it matches all below a folder
    line: int = 0  # of the ignore file, from 1; 0 for one that is in none


@dataclass(frozen=True)
class IgnoreRules:
    """The patterns that say which files of a folder don't count."""

    path: Path | None  # the ignore file; None where only `never` applies
    base: str  # the real path of the folder that its patterns are relative to
    patterns: tuple[Pattern, ...]

    @property
    def way_out(self) -> str:
        """Return what to do where too much is left out."""
        own = "take the pattern out"
        if self.path and self.path.name == NAMES[0]:
            return own
        return f"{own}, or put an {NAMES[0]} beside it, which counts in its place"

    def prefix(self, folder: str) -> str:
        """Return the prefix of the names of a folder's files.

        `folder` is its real path.
        """
        relative = os.path.relpath(folder, self.base)
        return "" if relative == "." else f"{relative}/"

    def ignores(self, name: str) -> bool:
        """Return whether a file, or a folder with a slash behind it, is left out."""
        pattern = self.deciding(name)
        return pattern is not None and pattern.ignores

    def deciding(self, name: str) -> Pattern | None:
        """Return the pattern that decides on a name: the last that matches."""
        for pattern in reversed(self.patterns):
            if pattern.paths.match(name):
                return pattern
        return None

    def ignores_all_below(self, prefix: str) -> bool:
        """Return whether nothing in a folder can count, so that it need not be looked into.

        False also where only looking at each of its files can tell.
        """
        for pattern in reversed(self.patterns):
            if not pattern.ignores:
                return False
            found = pattern.paths.match(prefix)
            if found is not None and found.groupdict().get("below"):
                return True
        return False


def find_ignore_rules(folder: Path, never: Sequence[str] = ()) -> IgnoreRules | None:
    """Return the rules of a folder's ignore file with `never` as its last lines, if any.

    Raises `WrongUsage` for one that is not UTF-8 text or has a pattern that makes no sense, and
    `OSError`.
    """
    path = next((path for name in NAMES if (path := folder / name).exists()), None)
    if path is None and not never:
        return None
    lines = [*(_read(path) if path else ()), *map(_pattern, never)]
    # Azure's SDK takes the patterns of an ignore file that is a link from where that leads to.
    base = path.resolve().parent if path else folder.resolve()
    return IgnoreRules(path, str(base), tuple(line for line in lines if line is not None))


def _read(path: Path) -> list[Pattern | None]:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise WrongUsage(f"{path} is not UTF-8 text: save it as UTF-8") from error
    patterns = []
    for number, line in enumerate(lines, 1):
        try:
            patterns.append(_pattern(line, number))
        except (ValueError, re.error) as error:
            raise WrongUsage(
                f"{path}:{number}: {line.strip()!r} is no pattern: correct it or take it out"
            ) from error
    return patterns


def _pattern(line: str, number: int = 0) -> Pattern | None:
    """Return the pattern of a line; None for a blank line, a comment and a lone slash.

    Raises ValueError and re.error for what is no pattern.
    """
    import warnings

    text = line.strip()
    if text in ("", "/") or text.startswith("#"):
        return None
    body = text.removeprefix("!")
    if not body:
        raise ValueError("nothing comes after the exclamation mark")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of `[[` and `--` in a set
        return Pattern(body == text, re.compile(_expression(body)), number)


def _expression(pattern: str) -> str:
    """Return a pattern as a regular expression for the whole of a path."""
    parts = pattern.split("/")
    parts = [
        part
        for number, part in enumerate(parts)
        if number == 0 or not part == parts[number - 1] == "**"
    ]
    if parts == ["**", ""]:
        return "^.+(?P<below>/).*$"
    if not parts[0]:
        del parts[0]  # a slash in front ties the pattern to the top folder
    elif parts[0] != "**" and (len(parts) == 1 or parts[1:] == [""]):
        parts.insert(0, "**")  # a name alone is meant in every folder
    if not parts[-1] and len(parts) > 1:
        parts[-1] = "**"  # a slash at the end: all below a folder of that name
    if parts == ["**"]:
        return "^.+$"
    return "^" + "".join(_part(parts, number) for number in range(len(parts))) + "$"


def _part(parts: list[str], number: int) -> str:
    """Return one part between slashes, with the slash before it where it needs one."""
    part, last = parts[number], number == len(parts) - 1
    if part == "**":
        if last:
            return "(?P<below>/).*"
        return "(?:/.+)?" if number else "(?:.+/)?"
    slash = "" if number == 0 or (number == 1 and parts[0] == "**") else "/"
    name = "[^/]+" if part == "*" else _name(part)
    # A name at the end is a file's, or a folder's with all that is in it.
    return slash + name + ("(?:(?P<below>/).*)?" if last else "")


def _name(part: str) -> str:
    """Return a name with `*`, `?` and `[…]` in it. Raises ValueError for a backslash at its end."""
    written = ""
    for sign in re.finditer(_SIGN, part):
        if sign["any"]:
            written += "[^/]*"
        elif sign["character"]:
            written += "[^/]"
        elif sign["set"] is not None:
            written += f"[{_set(sign['set'])}]"
        elif sign["literal"] == "\\":
            raise ValueError("nothing comes after the backslash")
        else:
            written += re.escape(sign["escaped"] or sign["literal"])
    return written


def _set(text: str) -> str:
    """Return the inside of `[…]`: a `!` in front means every other character, and a `\\` itself."""
    negated = "^" if text.startswith("!") else ""
    return negated + re.sub(r"^\^|\\", r"\\\g<0>", text.removeprefix("!"))
