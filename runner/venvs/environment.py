"""The record of what a declared environment asks for, wherever it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class DeclaredEnvironment:
    """The Python and the packages that something declares.

    A conda file is told apart: its packages that come from PyPI are among the `requirements`, and
    the whole of it is kept for conda itself.
    """

    source: str  # what declares it, as a message names it: a file, or a deployment's own YAML
    python: str | None = None  # the version as it is declared, such as 3.10 or 3.10.13
    requirements: tuple[str, ...] = ()  # as pip takes them; `-r` is followed, paths are absolute
    constraints: tuple[str, ...] = ()  # versions of packages that need not be installed (`-c`)
    # setuptools and wheel, which are installed before the requirements, as MLflow does. pip is not:
    # nothing in the environment runs it.
    build_tools: tuple[str, ...] = ()
    options: tuple[str, ...] = field(default=(), repr=False)  # --index-url and the like, with keys
    places: Mapping[str, str] = field(default_factory=dict, repr=False)  # file:line by requirement
    conda: Mapping[str, Any] | None = None  # the content of the conda file, if there is one
    # Of the requirements, those that stand for packages that conda itself would install.
    from_conda: tuple[str, ...] = ()
    # Packages of the conda file that PyPI is not known to have, as they are declared there.
    only_conda: tuple[str, ...] = ()
    known: bool = True  # False: only Azure knows what is in it, and nothing here declares more
    image: str | None = None  # named, and not used on this machine
    elsewhere: bool = False  # declared by a reference that means something on Azure only
    notices: tuple[str, ...] = ()  # sentences, such as that only Azure knows an environment
