"""Asks uv to which versions a declared environment comes; nothing is installed.

The answer is kept for a day in the project's home, as asking takes seconds and an index.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from runner.engine.text import one_line
from runner.errors import EnvironmentRefused
from runner.files.atomic import write_atomically
from runner.files.privacy import make_private
from runner.package_names import normal
from runner.venvs.environment import DeclaredEnvironment
from runner.venvs.names import name_of
from runner.venvs.python_version import minor_of
from runner.venvs.secrets import without_keys
from runner.venvs.uv import (
    UvFailed,
    error_for,
    explanation,
    find_uv,
    named_place,
    run_uv,
    way_to_uv,
)

_KEPT = 24 * 60 * 60  # seconds
_PLATFORM = "x86_64-manylinux_2_28"  # Azure's images are newer, and no package asks for more
# uv's words for a package whose requirements only running its own code would show.
_UNBUILT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*?)(?:[=<>!~][^\s]*)? has no usable wheels")
_MOST_UNBUILT = 8
_LABEL = re.compile(r" \(\d+\)|\.$")  # uv numbers its conclusions
_LINE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)")


@dataclass(frozen=True)
class Resolution:
    """The versions that an environment comes to, or why it comes to none, if that is known."""

    versions: Mapping[str, str] | None = None  # by normal name
    refusal: str | None = None  # uv's own explanation, on one line
    place: str | None = None  # of the requirement that it names first, else what declares them
    sure: bool = True  # False where conda may have what PyPI hasn't
    unknown: str | None = None  # why it could not be asked
    # Declared packages whose requirements are unknown until they are built.
    unbuilt: tuple[str, ...] = ()


def resolve(declared: DeclaredEnvironment, home: Path) -> Resolution:
    """Ask uv for the versions of a Linux machine with the declared Python."""
    file = home / "checks" / f"{_key(declared)}.json"
    age, kept = _read(file)
    if kept is not None and age < _KEPT:
        return kept
    try:
        versions, unbuilt = _compile(declared.requirements, declared)
    except EnvironmentRefused:
        return kept or Resolution(unknown=f"there is no uv: {way_to_uv()}")
    except UvFailed as failed:
        printed = str(failed)
        shown = _LABEL.sub("", explanation(printed))
        if isinstance(error_for(failed, declared, Path()), EnvironmentRefused):
            return kept or Resolution(unknown=shown)
        if _UNBUILT.search(one_line(printed)):
            return Resolution(unknown=shown)
        place = named_place(printed, declared)
        return Resolution(refusal=shown, place=place, sure=_is_of_pip_alone(declared))
    with suppress(OSError):  # the next check asks again
        make_private(file.parent, home)
        write_atomically(file, json.dumps({"versions": versions, "unbuilt": unbuilt}))
    return Resolution(versions, unbuilt=unbuilt)


def _is_of_pip_alone(declared: DeclaredEnvironment) -> bool:
    """Return whether pip is asked for the packages that can't be resolved.

    A package that conda is asked for may be there in versions that PyPI has not.
    """
    pip = _pip_lines(declared)
    if pip is None:
        return True
    try:
        _compile(pip, declared)
    except UvFailed:
        return True
    except EnvironmentRefused:
        return False
    return False


def _pip_lines(declared: DeclaredEnvironment) -> Sequence[str] | None:
    """Return the requirements below `pip:` of a conda file that asks conda for packages too."""
    if declared.conda is None:
        return None
    dependencies = declared.conda.get("dependencies") or []
    lines = [
        text for item in dependencies if isinstance(item, dict) for text in item.get("pip", [])
    ]
    named = {name_of(str(line)) for line in lines}
    of_pip = [line for line in declared.requirements if name_of(line) in named]
    return None if len(of_pip) == len(declared.requirements) else of_pip


def _compile(
    requirements: Sequence[str], declared: DeclaredEnvironment
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the versions that requirements come to, and the packages that are left out as they
    have no wheel. Raises UvFailed."""
    if not requirements:
        return {}, ()
    unbuilt: list[str] = []
    while True:
        try:
            return _compile_wheels(requirements, declared, unbuilt), tuple(unbuilt)
        except UvFailed as failed:
            found = {normal(name) for name in _UNBUILT.findall(one_line(failed))}
            new = sorted(found - set(unbuilt))
            if not new or len(unbuilt) >= _MOST_UNBUILT:
                raise
            unbuilt += new


def _compile_wheels(
    requirements: Sequence[str], declared: DeclaredEnvironment, left_out: Sequence[str]
) -> dict[str, str]:
    arguments = ["pip", "compile", "--quiet", "--no-header", "--no-annotate", "--no-build"]
    # A Python that is named keeps uv from looking for one of the declared version.
    arguments += ["--python-platform", _PLATFORM, "--python", sys.executable]
    if declared.python:
        arguments += ["--python-version", minor_of(declared.python)]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if declared.constraints:
            (place / "constraints.txt").write_text("\n".join(declared.constraints))
            arguments += ["--constraint", "constraints.txt"]
        if left_out:
            never = "\n".join(f"{name} ; python_version < '0'" for name in left_out)
            (place / "overrides.txt").write_text(never)
            arguments += ["--override", "overrides.txt"]
        # Not through a file: the address of an index may have a key in it.
        lines = "\n".join((*declared.options, *requirements))
        log = place / "log"
        text = run_uv(find_uv(), [*arguments, "-"], folder=place, log=log, stdin=lines)
    return {normal(name): version for name, version in _LINE.findall(text)}


def _key(declared: DeclaredEnvironment) -> str:
    content = [
        declared.requirements,
        declared.constraints,
        [without_keys(option) for option in declared.options],
        minor_of(declared.python) if declared.python else None,
        _PLATFORM,
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:20]


def _read(file: Path) -> tuple[float, Resolution | None]:
    """Return how many seconds ago an answer was kept, and the answer; None where there is none."""
    try:
        found = json.loads(file.read_bytes())
        age = time.time() - file.stat().st_mtime
        return age, Resolution(dict(found["versions"]), unbuilt=tuple(found["unbuilt"]))
    except (OSError, ValueError, TypeError, KeyError):
        return 0.0, None
