"""The local environment is examined here: packages, declarations, and stored files."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from runner.errors import EnvironmentRefused
from runner.health import Link
from runner.installing import installed_by
from runner.project import read_environment_catalog
from runner.spark import find_java

if TYPE_CHECKING:
    from runner.project import Project

_GROUPS = {
    "score": ("pyarrow", "scikit-learn"),
    "mlflow": ("mlflow", "pandas", "pillow"),
    "serve": ("uvicorn", "httptools", "prometheus-client"),
    "spark": ("pyspark",),
}
_NEEDED = "score"  # the others are not needed to score a sample


def examine(project: Project, full: bool = False) -> Iterator[Link]:
    """Yield each part of the local environment that was examined.

    With `full`, all stored files are read again, also those that have not changed.
    """
    for group, packages in _GROUPS.items():
        yield _packages(group, packages)
    yield _java()
    yield _uv()
    yield _declarations(project)
    yield _rights(project)
    yield _stored_files(project, full)


def _packages(group: str, packages: tuple[str, ...]) -> Link:
    found, lacking = [], []
    for name in packages:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            lacking.append(name)
    name = f"packages of {group}"
    if not lacking:
        return Link(name, "ok", ", ".join(found))
    way = installed_by(*lacking, group=group)
    text = f"{', '.join(lacking)} not installed: {way}"
    return Link(name, "failed" if group == _NEEDED else "skipped", text)


def _java() -> Link:
    """Examine Java. Only Spark needs it, so nothing fails without it."""
    try:
        java = find_java()
    except EnvironmentRefused as error:
        return Link("Java for Spark", "skipped", str(error))
    return Link("Java for Spark", "ok", f"Java {java.version}, {java.command}")


def _uv() -> Link:
    """Examine uv. A declaration of the runner's own packages runs without it."""
    from runner.venvs.uv import describe_uv

    name = "uv for declared environments"
    try:
        return Link(name, "ok", describe_uv())
    except EnvironmentRefused as error:
        return Link(name, "skipped", str(error))


def _declarations(project: Project) -> Link:
    from runner.counting import many
    from runner.declarations import DeclarationError
    from runner.errors import RunnerError
    from runner.project import LOCAL

    try:
        catalog = read_environment_catalog(project, LOCAL)
    except DeclarationError as error:
        first = error.problems[0]
        more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
        return Link("declarations", "failed", f"{first}{more}")
    except RunnerError as error:
        return Link("declarations", "failed", str(error))
    count = len(catalog.batch_endpoints) + len(catalog.online_endpoints)
    if not count:
        return Link("declarations", "failed", f"no endpoint is declared under {project.models}")
    return Link("declarations", "ok", f"{many(count, 'endpoint')} under {project.models}")


def _rights(project: Project) -> Link:
    """Examine whether the workspace is private, as some file systems keep no rights."""
    from runner.local.home import close_to_others

    name, home = "workspace", project.home
    try:
        still_open = close_to_others(home) if home.exists() else []
    except (EnvironmentRefused, OSError) as error:
        return Link(name, "failed", str(error))
    if still_open:
        return Link(
            name,
            "failed",
            f"others have rights to {still_open[0]}, and this file system does not let them be"
            " taken: set RUNNER_HOME to a folder of yours on one that does",
        )
    return Link(name, "ok", f"{home} is its owner's alone")


def _stored_files(project: Project, full: bool) -> Link:
    """Examine whether what is registered is as it was stored."""
    from runner.counting import many
    from runner.errors import RunnerError
    from runner.local.assets import references
    from runner.local.files import find_damaged

    name = "stored files"
    damaged: list[str] = []
    try:
        registered = references(project.home) if project.home.exists() else {}
        for tree, reference in registered.items():
            try:
                damaged += [
                    f"{path} is damaged or gone: register {reference} again from its source"
                    for path, _ in find_damaged(project.home, tree, reference, again=full)
                ]
            except EnvironmentRefused as error:
                damaged.append(str(error))
    except RunnerError as error:
        return Link(name, "failed", str(error))
    if damaged:
        more = f" (and {len(damaged) - 1:,} more)" if len(damaged) > 1 else ""
        return Link(name, "failed", f"{damaged[0]}{more}")
    how = "all read again" if full else "read where they look changed; --full reads all"
    return Link(name, "ok", f"of {many(len(registered), 'model or data asset')}, {how}")
