"""The packages of a declared environment, as Databricks installs them beside its runtime's own."""

from __future__ import annotations

import re
from typing import Any

from runner.declarations import Environment
from runner.declarations.environment_content import conda_text

# What a conda file says of Python and of Spark themselves, which are the runtime's there.
_OF_RUNTIME = re.compile(r"(python|pip|setuptools|wheel|pyspark)\s*([=<>!~ \[].*)?", re.IGNORECASE)


def pypi_packages(environment: Environment) -> list[str]:
    """What pip installs, each as pip takes it, in order."""
    return [
        package
        for package in _of_pip(environment)
        if not package.startswith("-") and not _OF_RUNTIME.fullmatch(package)
    ]


def unknown_packages(environment: Environment) -> list[str]:
    """What of a conda file Databricks can't install: packages of conda, and options of pip.

    Raises DeclarationError where the file can't be read.
    """
    of_conda = [
        dependency
        for dependency in _dependencies(environment)
        if isinstance(dependency, str) and not _OF_RUNTIME.fullmatch(dependency.strip())
    ]
    return [*of_conda, *(package for package in _of_pip(environment) if package.startswith("-"))]


def _of_pip(environment: Environment) -> list[str]:
    groups = [
        dependency.get("pip") or []
        for dependency in _dependencies(environment)
        if isinstance(dependency, dict)
    ]
    return [str(package).strip() for group in groups for package in group]


def _dependencies(environment: Environment) -> list[Any]:
    import yaml

    text = conda_text(environment)
    return list((yaml.safe_load(text) if text else {}).get("dependencies") or [])
