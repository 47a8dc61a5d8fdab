"""From an environment's name to its workspace."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from runner.errors import EnvironmentRefused, NotFound, RunnerError, WrongUsage
from runner.project import (
    LOCAL,
    Project,
    environments,
    find_config,
    find_project,
    stack_file,
)

if TYPE_CHECKING:
    from runner.azureml.outputs import Outputs
    from runner.health import Link
    from runner.workspace import Workspace

OUTPUTS = "RUNNER_OUTPUTS"
_PACKAGES = {
    "azure.core": "azure-core",
    "azure.identity": "azure-identity",
    "azure.storage": "azure-storage-blob",  # looking for `.blob` would import its parent
}


@dataclass(frozen=True)
class Source:
    """What says where an environment's workspace is."""

    kind: Literal["local", "outputs", "stack", "config"]
    file: Path | None = None  # the outputs, the Pulumi.<env>.yaml or the config.json


def open_workspace(environment: str, outputs: Path | None = None) -> Workspace:
    """The workspace of an environment of the project around the current folder.

    `outputs` is a file with the stack's outputs; see `find_source` for where else it is looked
    for. Raises WrongUsage outside a project and for a file that can't be read, NotFound for an
    environment that nothing describes and EnvironmentRefused for one out of reach.
    """
    project = find_project()
    source = find_source(project, environment, outputs)
    if source.kind == "local":
        from runner.local.workspace import LocalWorkspace

        return LocalWorkspace(project)
    _check_packages(environment)
    from runner.azureml.workspace import AzureWorkspace

    return AzureWorkspace(project, environment, read_source(project, environment, source))


def find_source(project: Project, environment: str, outputs: Path | None = None) -> Source:
    """What says where an environment is, in this order.

    A file of outputs: `outputs`, else RUNNER_OUTPUTS; it may describe an environment of any name.
    The stack of the environment's name, where the project has Pulumi.yaml and
    Pulumi.<env>.yaml. The `config.json` of a workspace that Pulumi doesn't manage, from the
    current folder upwards: for the environment that bears the workspace's name, and for those whose
    Pulumi.<env>.yaml has no Pulumi.yaml.

    Raises NotFound with the nearest names, WrongUsage for outputs given to `local` and for a
    `config.json` that doesn't name its workspace.
    """
    if environment == LOCAL:
        if outputs is not None:
            raise WrongUsage(
                f"--outputs describes a workspace on Azure and {LOCAL} has none; name the"
                " environment with --env"
            )
        return Source("local")
    given = outputs or _from_variable()
    if given is not None:
        return Source("outputs", given)
    return _managed_source(project, environment)


def _managed_source(project: Project, environment: str) -> Source:
    """What says where an environment is, where no file of outputs does."""
    stack = stack_file(project, environment)
    managed = (project.root / "Pulumi.yaml").is_file()
    if stack is not None and managed:
        return Source("stack", stack)
    config = find_config(Path.cwd())
    if config is None:
        raise _unknown(project, environment, stack)
    if stack is not None:
        return Source("config", config)
    workspace = _workspace_name(config)
    if environment != workspace:  # more likely a slip than meant for this workspace
        raise _unknown(project, environment, stack, workspace)
    return Source("config", config)


def read_source(project: Project, environment: str, source: Source) -> Outputs:
    """Read where the workspace is. Raises WrongUsage, NotFound, EnvironmentRefused."""
    from runner.azureml.outputs import read_config, read_outputs

    if source.kind == "stack":
        from runner.azureml.stack import read_stack_output

        return read_stack_output(project.root, environment)
    assert source.file is not None
    if source.kind == "config":
        return read_config(source.file)
    outputs = read_outputs(source.file)
    if outputs.stack not in (None, environment):
        raise WrongUsage(
            f"{source.file} is the output of stack {outputs.stack!r}, not of {environment!r}: use"
            f" --env {outputs.stack}, or name another file in --outputs or {OUTPUTS}"
        )
    return outputs


def list_environments(project: Project) -> dict[str, Source]:
    """Every environment that has a name of its own: local, the stacks, a `config.json`'s."""
    found: dict[str, Source] = {}
    given = _from_variable()
    stack = _stack_of(given) if given else None
    for name in environments(project):
        try:
            # A file that says whose output it is stands for that stack alone.
            named = name in (LOCAL, stack) or stack is None
            found[name] = (find_source if named else _managed_source)(project, name)
        except NotFound:  # not reachable from here, but named by its file
            found[name] = Source("stack", stack_file(project, name))
    config = find_config(Path.cwd())
    if config is not None:
        with suppress(WrongUsage):  # who asks for an environment of no other kind is told
            found.setdefault(_workspace_name(config), Source("config", config))
    return found


def examine(environment: str, outputs: Path | None = None) -> Iterator[Link]:
    """Each link of the chain that leads to an environment, as it is looked at.

    Raises as `find_source`; whatever is wrong beyond that is a link that failed.
    """
    project = find_project()
    source = find_source(project, environment, outputs)
    if source.kind == "local":
        from runner.local import health as local

        return local.examine(project)
    _check_packages(environment)
    from runner.azureml import health as azureml

    assert source.file is not None
    read = partial(read_source, project, environment, source)
    return azureml.examine(source.kind, source.file, read)


def _from_variable() -> Path | None:
    chosen = os.environ.get(OUTPUTS)
    return Path(chosen).expanduser() if chosen else None


def _stack_of(file: Path) -> str | None:
    """Whose output a file is, where it can be read and says so."""
    from runner.azureml.outputs import read_outputs

    try:
        return read_outputs(file).stack
    except RunnerError:
        return None


def _workspace_name(config: Path) -> str:
    from runner.azureml.outputs import read_config

    return read_config(config).workspace


def _unknown(
    project: Project, environment: str, stack: Path | None, workspace: str | None = None
) -> NotFound:
    from runner.nearest import nearest

    known = (*environments(project), *([workspace] if workspace else []))

    if stack is not None:
        return NotFound(
            f"environment {environment} has {stack.name}, but {project.root} has no Pulumi.yaml"
            " that makes it a stack, and there is no config.json of a workspace; give its outputs"
            f" with --outputs or {OUTPUTS}"
        )
    return NotFound(
        f"no environment {environment!r}: {project.root} has no Pulumi.{environment}.yaml"
        + nearest(environment, known)
    )


def _check_packages(environment: str) -> None:
    from importlib.util import find_spec

    for module, package in _PACKAGES.items():
        try:
            there = find_spec(module) is not None
        except ModuleNotFoundError:
            there = False
        if not there:
            raise EnvironmentRefused(
                f"environment {environment} is on Azure, which needs the Python package {package}:"
                " install the dependency group `azure`"
            )
