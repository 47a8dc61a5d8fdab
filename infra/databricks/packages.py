"""The packages of a declared environment that Databricks installs beside those of its runtime."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from runner import azure_executor
from runner.declarations import Environment
from runner.declarations.environment_content import conda_text

# Dependencies of a conda file that come with Databricks' runtime.
_OF_RUNTIME = re.compile(r"(python|pip|setuptools|wheel|pyspark)\s*([=<>!~ \[].*)?", re.IGNORECASE)
_IMPORTS_AZURE = re.compile(rf"^\s*(?:import|from)\s+{azure_executor.NAMESPACE}\b", re.MULTILINE)


def pypi_packages(environment: Environment, code: Path | None) -> list[str]:
    """List the requirements that pip installs, in order.

    Packages that only Azure's own executor needs are left out, unless a module below `code` imports
    one.
    """
    left_out = frozenset() if code and _imports_azure(code) else azure_executor.PACKAGES
    return [
        package
        for package in _of_pip(environment)
        if not package.startswith("-")
        and not _OF_RUNTIME.fullmatch(package)
        and _name(package) not in left_out
    ]


def unknown_packages(environment: Environment) -> list[str]:
    """List what of a conda file Databricks can't install: packages of conda, and options of pip.

    Raises DeclarationError where the file can't be read.
    """
    of_conda = [
        dependency
        for dependency in _dependencies(environment)
        if isinstance(dependency, str) and not _OF_RUNTIME.fullmatch(dependency.strip())
    ]
    return [*of_conda, *(package for package in _of_pip(environment) if package.startswith("-"))]


def _imports_azure(code: Path) -> bool:
    """Tell whether a Python file below a folder imports anything of Azure's executor."""
    return any(
        _IMPORTS_AZURE.search(file.read_text(encoding="utf-8", errors="replace"))
        for file in code.rglob("*.py")
    )


def _name(package: str) -> str:
    """Return the name in a requirement, in the form in which names are compared."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", package, maxsplit=1)[0]).lower()


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
