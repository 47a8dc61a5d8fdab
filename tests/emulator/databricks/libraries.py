"""Libraries of a task: wheels out of a volume, and packages that this machine has to have."""

from __future__ import annotations

import re
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

_WHEEL = re.compile(r"[A-Za-z0-9_.]+-[^-]+(-\d[^-]*)?-[^-]+-[^-]+-[^-]+\.whl")


class LibraryFailed(Exception):
    """A library can't be installed; the text says why."""


def install(libraries: list[dict[str, Any]], local: Any, target: Path) -> None:
    """Put wheels into a folder for the Python path, as `pip install --no-deps --target` would.

    A package is not fetched: one that this machine lacks fails as one that no registry has. `local`
    gives the file behind a path of the workspace. Raises LibraryFailed.
    """
    target.mkdir(parents=True, exist_ok=True)
    for library in libraries:
        if library.get("whl"):
            _unpack(str(library["whl"]), Path(local(library["whl"])), target)
        elif library.get("pypi"):
            _check_package(str(library["pypi"]["package"]))
        else:
            raise LibraryFailed(f"The stand-in installs no library {library}.")


def _unpack(name: str, wheel: Path, target: Path) -> None:
    if not _WHEEL.fullmatch(wheel.name):
        raise LibraryFailed(f"{name} is not a valid wheel filename.")
    try:
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(target)
    except FileNotFoundError:
        raise LibraryFailed(f"The file {name} does not exist.") from None
    except zipfile.BadZipFile:
        raise LibraryFailed(f"The wheel {name} is invalid.") from None


def _check_package(package: str) -> None:
    try:
        wanted = Requirement(package)
        found = metadata.version(wanted.name)
    except InvalidRequirement:
        raise LibraryFailed(f"'{package}' is not a valid requirement.") from None
    except metadata.PackageNotFoundError:
        raise LibraryFailed(f"No matching distribution found for {package}") from None
    if not wanted.specifier.contains(found, prereleases=True):
        raise LibraryFailed(f"No matching distribution found for {package}")
