"""Compares what is declared with the packages of the runner's own environment.

An exact pin is held against the names of the folders that an installer writes, without importing
anything; whatever says more is left to `packaging`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from runner.package_names import normal
from runner.venvs.interpreter import OtherVersion
from runner.venvs.names import exact_pin, name_of, same_version
from runner.venvs.python_version import own_version, same_minor
from runner.venvs.requirements_file import expanded

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_ENDS = (".dist-info", ".egg-info")


def other_versions(
    requirements: Iterable[str], constraints: Iterable[str] = (), python: str | None = None
) -> tuple[OtherVersion, ...]:
    """Return the requirements that the runner's own environment lacks or has in another version.

    Empty where it satisfies all of them. A path or an address is never satisfied: what is
    installed may be of another content.
    """
    found = [] if same_minor(python) else [OtherVersion("python", str(python), own_version())]
    found += [other for each in requirements if (other := _find_other(each)) is not None]
    found += [
        other
        for constraint in constraints
        if (other := _find_other(constraint)) is not None and other.installed is not None
    ]
    return tuple(found)


def installed_versions(folders: Iterable[str]) -> Mapping[str, str]:
    """Return versions by normal name in folders of packages; the first folder counts."""
    found: dict[str, str] = {}
    for folder in folders:
        try:
            names = [path.name for path in Path(folder).iterdir()]
        except OSError:
            continue
        for name in names:
            if name.endswith(_ENDS):
                package, _, version = name.rpartition(".")[0].partition("-")
                if version:
                    found.setdefault(normal(package), version.partition("-py")[0])
    return found


def is_installed(name: str) -> bool:
    """Return whether the runner's own environment has a package, by its normal name."""
    return name in _installed_here()


@cache
def _installed_here() -> Mapping[str, str]:
    return installed_versions(folder for folder in sys.path if folder)


def _find_other(requirement: str) -> OtherVersion | None:
    """Return the package of a requirement that is not satisfied, None where it is."""
    requirement = expanded(requirement)
    exact = exact_pin(requirement)
    if exact is not None:
        name, version = exact
        installed = _installed_here().get(name)
        if installed is not None and same_version(version, installed):
            return None
        if installed is None:
            return OtherVersion(name, f"=={version}", None)
    name_or_none = name_of(requirement)
    if name_or_none is None or " @ " in requirement:
        return OtherVersion(name_or_none or requirement, requirement, None)
    return _by_packaging(requirement, name_or_none)


def _by_packaging(text: str, name: str) -> OtherVersion | None:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(text.split(" --")[0])
    except InvalidRequirement:  # uv's parser explains what is wrong with it
        return OtherVersion(name, text, _installed_here().get(name))
    return _unsatisfied(requirement, seen=set())


def _unsatisfied(requirement: Requirement, seen: set[str], extra: str = "") -> OtherVersion | None:
    """Return the first package that a requirement, or an extra of it, lacks here."""
    from packaging.utils import canonicalize_name

    if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
        return None
    name = canonicalize_name(requirement.name)
    installed = _installed_here().get(name)
    if installed is None or not requirement.specifier.contains(installed, prereleases=True):
        return OtherVersion(name, str(requirement.specifier) or "any version", installed)
    for asked in requirement.extras:
        if (key := f"{name}[{asked}]") not in seen:
            seen.add(key)
            for needed in _needed_by(name, asked):
                if (other := _unsatisfied(needed, seen, asked)) is not None:
                    return other
    return None


def _needed_by(name: str, extra: str) -> list[Requirement]:
    """Return the requirements of a package for one of its extras."""
    from importlib.metadata import requires

    from packaging.requirements import Requirement

    needed = map(Requirement, requires(name) or ())
    return [each for each in needed if each.marker is not None and "extra" in str(each.marker)]
