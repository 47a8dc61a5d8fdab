"""The local environment: this machine, which nothing else has to describe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from runner.local.abilities import ABILITIES as ABILITIES

if TYPE_CHECKING:
    from runner.health import Link
    from runner.project import Project, Source
    from runner.workspace import Workspace


def open_workspace(project: Project, _environment: str, _source: Source, /) -> Workspace:
    """Return the project's own workspace. Nothing is read or made yet."""
    from runner.local.workspace import LocalWorkspace

    return LocalWorkspace(project)


def describe(
    project: Project, _environment: str, _source: Source, workspace: Callable[[], Workspace], /
) -> dict[str, Any]:
    """Return where the workspace lies and how much it holds. Raises RunnerError."""
    opened = workspace()
    return {
        "home": str(project.home),
        "default_endpoint": opened.default_endpoint(),
        "endpoints": len(opened.endpoints()),
        "models": len(opened.assets("model")),
        "data": len(opened.assets("data")),
        "jobs": len(opened.jobs()),
    }


def examine(project: Project, _environment: str, _source: Source, full: bool, /) -> Iterator[Link]:
    """Yield each part of the environment that was examined."""
    from runner.local.health import examine

    return examine(project, full)
