"""Which versions a declared environment comes to: asked of uv, and nothing is installed.

What came of it is kept for a day in the project's home, as asking takes seconds and an index.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.errors import EnvironmentRefused
from runner.files.atomic import write_atomically
from runner.files.privacy import make_private
from runner.package_names import normal
from runner.venvs.environment import DeclaredEnvironment
from runner.venvs.names import name_of
from runner.venvs.python_version import minor_of
from runner.venvs.secrets import without_keys
from runner.venvs.uv import UvFailed, explanation, find_uv, named_place, refused, run_uv, way_to_uv

_KEPT = 24 * 60 * 60  # seconds
_PLATFORM = "x86_64-manylinux_2_28"  # Azure's images are newer, and no package asks for more
# What uv says of a package whose needs only its own code would tell, which would be run for it.
_UNBUILT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*?)(?:[=<>!~][^\s]*)? has no usable wheels")
_MOST_UNBUILT = 8
_LABEL = re.compile(r" \(\d+\)|\.$")  # uv numbers its conclusions
_LINE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)")


@dataclass(frozen=True)
class Resolution:
    """What an environment comes to, or why it comes to nothing; neither where nobody knows."""

    versions: Mapping[str, str] | None = None  # by normal name
    refusal: str | None = None  # uv's own explanation, on one line
    place: str | None = None  # of the requirement that it names first, else what declares them
    sure: bool = True  # False where conda may have what PyPI hasn't
    unknown: str | None = None  # why it could not be asked
    # Declared packages of which nobody knows what they need before they are built.
    unbuilt: tuple[str, ...] = ()


def resolve(declared: DeclaredEnvironment, home: Path) -> Resolution:
    """Ask uv for the versions of a Linux machine with the declared Python."""
    key = _key(declared)
    kept = _read(home, key)
    if kept is not None and time.time() - kept[0] < _KEPT:
        return Resolution(kept[1], unbuilt=kept[2])
    try:
        versions, unbuilt = _compile(declared.requirements, declared)
    except EnvironmentRefused:
        missing = f"there is no uv: {way_to_uv()}"
        return Resolution(kept[1], unbuilt=kept[2]) if kept else Resolution(unknown=missing)
    except UvFailed as failed:
        said = str(failed)
        if isinstance(refused(failed, declared, Path()), EnvironmentRefused):
            return (
                Resolution(kept[1], unbuilt=kept[2]) if kept else Resolution(unknown=_shown(said))
            )
        if _UNBUILT.search(_one_line(said)):
            return Resolution(unknown=_shown(said))
        return Resolution(
            refusal=_shown(said),
            place=named_place(said, declared),
            sure=_is_of_pip_alone(declared),
        )
    _keep(home, key, versions, unbuilt)
    return Resolution(versions, unbuilt=unbuilt)


def _is_of_pip_alone(declared: DeclaredEnvironment) -> bool:
    """Whether what can't be resolved are packages that pip is asked for.

    What conda is asked for, conda may have in versions that PyPI has not.
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
    """The requirements below `pip:` of a conda file that asks conda for packages too."""
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
    """The versions that requirements come to, and the packages that are left out as they have no
    wheel. Raises UvFailed."""
    if not requirements:
        return {}, ()
    unbuilt: list[str] = []
    while True:
        try:
            return _compile_wheels(requirements, declared, unbuilt), tuple(unbuilt)
        except UvFailed as failed:
            found = {normal(name) for name in _UNBUILT.findall(_one_line(str(failed)))}
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


def _one_line(said: str) -> str:
    return " ".join(said.split())


def _shown(said: str) -> str:
    return _LABEL.sub("", explanation(said))


def _key(declared: DeclaredEnvironment) -> str:
    content = [
        declared.requirements,
        declared.constraints,
        [without_keys(option) for option in declared.options],
        minor_of(declared.python) if declared.python else None,
        _PLATFORM,
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:20]


def _file(home: Path, key: str) -> Path:
    return home / "checks" / f"{key}.json"


def _read(home: Path, key: str) -> tuple[float, dict[str, str], tuple[str, ...]] | None:
    """When it was kept, and what; None for nothing."""
    try:
        file = _file(home, key)
        found = json.loads(file.read_bytes())
        return file.stat().st_mtime, dict(found["versions"]), tuple(found["unbuilt"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _keep(home: Path, key: str, versions: Mapping[str, str], unbuilt: Sequence[str]) -> None:
    try:
        file = _file(home, key)
        make_private(file.parent, home)
        write_atomically(file, json.dumps({"versions": versions, "unbuilt": unbuilt}))
    except OSError:
        return  # the next check asks again
