"""What the local environment needs: packages, and declarations that can be read."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from runner.catalogs import read_environment_catalog
from runner.errors import EnvironmentRefused
from runner.health import Link
from runner.installing import installed_by
from runner.java import find_java

if TYPE_CHECKING:
    from runner.project import Project

_GROUPS = {
    "score": ("pyarrow", "scikit-learn"),
    "mlflow": ("mlflow", "pandas", "pillow"),
    "serve": ("starlette", "uvicorn", "prometheus-client"),
    "spark": ("pyspark",),
}
_NEEDED = "score"  # without the others less can be done, but a sample can be scored


def examine(project: Project) -> Iterator[Link]:
    """Each link of the local environment, as it is looked at."""
    for group, packages in _GROUPS.items():
        yield _packages(group, packages)
    yield _java()
    yield _uv()
    yield _declarations(project)


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
    way = installed_by(f"-r requirements/{group}.txt")
    text = f"{', '.join(lacking)} not installed: {way}"
    return Link(name, "failed" if group == _NEEDED else "skipped", text)


def _java() -> Link:
    """Only Spark runs on it, so that not having it breaks nothing else."""
    try:
        java = find_java()
    except EnvironmentRefused as error:
        return Link("Java for Spark", "skipped", str(error))
    return Link("Java for Spark", "ok", f"Java {java.version}, {java.command}")


def _uv() -> Link:
    """What is declared as the runner's own packages are runs without it."""
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
