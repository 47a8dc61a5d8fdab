"""From an environment's name to its workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import EnvironmentRefused, NotFound
from runner.project import LOCAL, environments, find_project, stack_file

if TYPE_CHECKING:
    from runner.workspace import Workspace


def open_workspace(environment: str) -> Workspace:
    """The workspace of an environment of the project around the current folder.

    Raises WrongUsage outside a project, NotFound for a name without a stack file and
    EnvironmentRefused for an environment that this version can't reach.
    """
    project = find_project()
    if environment == LOCAL:
        from runner.local.workspace import LocalWorkspace

        return LocalWorkspace(project)
    check_environment(environment)
    raise EnvironmentRefused(
        f"environment {environment} is on Azure, which this version of the runner"
        f" does not reach yet; use --env {LOCAL}"
    )


def check_environment(environment: str) -> None:
    """Raise NotFound, with the nearest names, unless the project has the environment."""
    project = find_project()
    if environment == LOCAL or stack_file(project, environment):
        return
    from runner.nearest import nearest

    raise NotFound(
        f"no environment {environment!r}: {project.root} has no Pulumi.{environment}.yaml"
        + nearest(environment, environments(project))
    )
