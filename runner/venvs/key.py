"""Names an environment in the cache by a digest of everything that decides its content."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner.venvs.environment import DeclaredEnvironment
from runner.venvs.python_version import minor_of, own_version
from runner.venvs.requirements_file import expanded, local_path
from runner.venvs.secrets import without_keys

_DIGITS = 12
_NO_CONTENT = frozenset({".git", ".hg", "__pycache__", "build", "dist", ".venv"})
# The files that decide how an editable folder (`-e`) is installed.
_PROJECT_FILES = ("pyproject.toml", "setup.cfg", "setup.py")


def key_of(declared: DeclaredEnvironment, added: tuple[str, ...], manager: str) -> str:
    """Return hexadecimal digits that two environments share only if they are made of the same."""
    content: dict[str, Any] = {
        "manager": manager,
        "python": minor_of(declared.python or own_version()),
        "implementation": sys.implementation.name,
        "platform": [sys.platform, os.uname().machine],
        "requirements": [_content(each) for each in declared.requirements],
        "constraints": [_content(each) for each in declared.constraints],
        "options": [_option(each) for each in declared.options],
        "build_tools": declared.build_tools,
        "added": added,
    }
    if manager == "conda":
        content["conda"] = declared.conda
    text = without_keys(json.dumps(content, sort_keys=True, default=str))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def _content(requirement: str) -> Any:
    """Return a requirement, with the content of the file or folder that it installs."""
    path = local_path(requirement)
    if path is None or not path.exists():
        return expanded(requirement)
    if requirement.startswith("-e "):
        files = [path / name for name in _PROJECT_FILES if (path / name).is_file()]
        return [requirement, [[file.name, _hash(file)] for file in files]]
    rest = requirement.replace(str(path), path.name, 1)
    if path.is_file():
        return [rest, _hash(path)]
    return [rest, [[str(file.relative_to(path)), _hash(file)] for file in _files(path)]]


def _option(option: str) -> Any:
    """Return an option, with what lies in the local folder that it names."""
    name, _, value = option.partition(" ")
    folder = Path(expanded(value))
    if name != "--find-links" or not folder.is_dir():
        return expanded(option)
    found = sorted(folder.iterdir())
    return [option, [[file.name, _hash(file)] for file in found if file.is_file()]]


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_symlink() and path.is_dir():
            continue  # it may lead back to where it lies
        if path.is_dir() and path.name not in _NO_CONTENT and path.suffix != ".egg-info":
            yield from _files(path)
        elif path.is_file():
            yield path


def _hash(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
