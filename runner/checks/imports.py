"""Checks that what the code imports is in the code, or in the declared environment."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from runner.checks.finding import Finding, error
from runner.checks.source_code import Import, Source, is_local
from runner.checks.subject import Subject
from runner.package_names import OWN_NAME, PACKAGES, normal, packages_of
from runner.venvs.names import version_of

# Every conda environment with pip has them.
_ALWAYS_THERE = frozenset({"_distutils_hack", "pip", "pkg_resources", "setuptools", "wheel"})
# Namespaces of several packages: the first name says nothing.
_NAMESPACES = frozenset(
    {"azure", "azureml", "backports", "databricks", "google", "nvidia", "opentelemetry", "ruamel"}
)
# Modules that a later version of their package has no more, and what came in their place.
_GONE = (("sklearn.externals.joblib", "scikit-learn", (0, 23), "joblib"),)


def check_subject(subject: Subject) -> Iterator[Finding]:
    """Check the imports of the script that Azure starts, and of files that it imports."""
    if subject.source is None:
        return
    told: set[str] = set()
    for imported in subject.imports:
        for finding in (*check_packages(subject, imported), *check_gone_modules(subject, imported)):
            if imported.module not in told:
                told.add(imported.module)
                yield finding


def check_packages(subject: Subject, imported: Import) -> Iterator[Finding]:
    """Check that the package of a module that is not in the code would be installed."""
    top = imported.module.partition(".")[0]
    if top in sys.stdlib_module_names or top in _ALWAYS_THERE or subject.finds_local(top):
        return
    wanted = [normal(name) for name in _candidates(imported)]
    if any(name in subject.package_names for name in wanted):
        return
    if _lies_above(subject, top):
        assert subject.entry is not None
        assert subject.code is not None
        script = subject.entry.relative_to(subject.code)
        text = (
            f"{top} lies in the top folder of the code, and Python looks for it beside the script,"
            f" in {script.parent.as_posix()}: start it as"
            f" `python -m {'.'.join(script.with_suffix('').parts)}`"
        )
        yield error(imported.place, "module-folder", text)
        return
    if subject.resolved is None or subject.means_others or _changes_path(subject.source):
        return
    if subject.kind == "spark":
        return  # Azure's Spark brings packages of its own
    if not wanted or subject.unbuilt or not _is_sure(subject, imported):
        return
    text = (
        f"imports {imported.module}, and the environment has no package {wanted[0]}:"
        f" add it to {_where(subject)}"
    )
    yield error(imported.place, "package", text)


def check_gone_modules(subject: Subject, imported: Import) -> Iterator[Finding]:
    """Check that the installed version of its package still has a module."""
    named = {imported.module, *(f"{imported.module}.{name}" for name in imported.names)}
    for module, package, first, instead in _GONE:
        version = (subject.resolved or {}).get(package)
        if version is None or version_of(version) < first:
            continue
        if any(name == module or name.startswith(f"{module}.") for name in named):
            text = f"{package} {version} has no {module} any more: import {instead} instead"
            yield error(imported.place, "module-gone", text)


def _candidates(imported: Import) -> tuple[str, ...]:
    """Return the packages that a module may come from; none where that can't be told."""
    longest = imported.module
    for name in imported.names:
        if f"{imported.module}.{name}" in PACKAGES:
            longest = f"{imported.module}.{name}"
    found = packages_of(longest)
    return () if found[0] in _NAMESPACES else found


def _is_sure(subject: Subject, imported: Import) -> bool:
    """Return whether no other package of the environment can be the one that has the module.

    Sure it is of a module whose package is known, or where every package that is declared is known
    to be imported by its own name.
    """
    module = imported.module
    parts = module.split(".")
    if any(".".join(parts[:length]) in PACKAGES for length in range(1, len(parts) + 1)):
        return True
    if parts[0] in OWN_NAME or _is_installed_here(parts[0]):
        return True
    used = {
        normal(name)
        for other in subject.imports
        for name in packages_of(other.module)
        if other.module != module
    }
    known = used | OWN_NAME | {normal(name) for names in PACKAGES.values() for name in names}
    assert subject.wanted is not None
    return all(
        name in known or name.startswith(("azureml-", "inference-schema"))
        for name in subject.asked_names
    )


def _is_installed_here(module: str) -> bool:
    """Return whether the runner's own environment has the module, of a package of its name."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        files = distribution(module).read_text("top_level.txt")
    except (PackageNotFoundError, ValueError):
        return False
    return files is None or module in files.split()


def _lies_above(subject: Subject, top: str) -> bool:
    """Return whether a module lies in the code's top folder, and the started script in another."""
    code, entry = subject.code, subject.entry
    if code is None or entry is None or subject.kind != "command" or entry.parent == code:
        return False
    if subject.starts_as_module or _changes_path(subject.source):
        return False
    return is_local(top, [code])


def _changes_path(source: Source | None) -> bool:
    """Return whether a script changes where modules are looked for."""
    if source is None:
        return False
    return any(
        isinstance(node, ast.Attribute)
        and node.attr in ("path", "meta_path", "path_hooks")
        and isinstance(node.value, ast.Name)
        and node.value.id == "sys"
        for node in ast.walk(source.tree)
    )


def _where(subject: Subject) -> str:
    environment = subject.environment
    if environment is not None and isinstance(environment.conda_file, Path):
        return str(environment.conda_file)
    return subject.wanted.source if subject.wanted else "the conda file"
