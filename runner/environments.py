"""Opens the workspace of an environment by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from runner.declarations.overlay import STACK_PLATFORMS, read_platform
from runner.errors import NotFound, RunnerError, WrongUsage
from runner.project import (
    AZUREML,
    LOCAL,
    STACK_OUTPUT,
    Project,
    Source,
    environments,
    find_config,
    find_project,
    stack_file,
    stack_output_variable,
)

if TYPE_CHECKING:
    from runner.health import Link
    from runner.local.version_scorer import VersionScorer
    from runner.stacks.adoption import Adoption
    from runner.venvs.interpreter import EnvManager
    from runner.workspace import Abilities, Workspace

# platform → the module of its package that opens its workspaces; imported when it is used
PLATFORMS: Mapping[str, str] = {
    "local": "runner.local.environment",
    "azureml": "runner.azureml.environment",
    "databricks": "runner.databricks.environment",
}


class Platform(Protocol):
    """The functions that the module of a platform offers, for an environment and its source."""

    @property
    def ABILITIES(self) -> Abilities:  # noqa: N802 - a constant of the module
        """Return the abilities of the platform's workspaces."""
        ...

    def open_workspace(
        self, project: Project, environment: str, source: Source, /
    ) -> Workspace: ...
    def describe(
        self,
        project: Project,
        environment: str,
        source: Source,
        workspace: Callable[[], Workspace],
        /,
    ) -> dict[str, Any]:
        """Return the lines of `runner env show` by name; `workspace` opens the workspace."""
        ...

    def examine(
        self, project: Project, environment: str, source: Source, full: bool, /
    ) -> Iterator[Link]:
        """Yield the links for `runner env doctor`; `full` if the workspace stores files itself."""
        ...


def open_workspace(environment: str, outputs: Path | None = None) -> Workspace:
    """Return the workspace of an environment of the project around the current folder.

    `outputs` is a file with the stack's outputs; see `find_source` for where else it is looked
    for. Raises WrongUsage outside a project and for a file that can't be read, NotFound for an
    environment that nothing describes and EnvironmentRefused for one out of reach.
    """
    project = find_project()
    source = find_source(project, environment, outputs)
    return _platform(source).open_workspace(project, environment, source)


def open_version_scorer(
    environment: str, manager: EnvManager | None, log: Callable[[str], object]
) -> VersionScorer:
    """Return a scorer of model versions by what an environment declares. Raises WrongUsage."""
    from runner.local.version_scorer import VersionScorer

    return VersionScorer(find_project(), environment, manager, log)


def find_abilities(environment: str, outputs: Path | None = None) -> Abilities:
    """Return an environment's abilities without opening its workspace. Raises as `find_source`."""
    return _platform(find_source(find_project(), environment, outputs)).ABILITIES


def describe(
    project: Project, environment: str, source: Source, workspace: Callable[[], Workspace]
) -> dict[str, Any]:
    """Return where an environment is and what it holds, by name. Raises as `open_workspace`."""
    return _platform(source).describe(project, environment, source, workspace)


def examine(environment: str, outputs: Path | None = None, *, full: bool = False) -> Iterator[Link]:
    """Return the links of the chain that leads to an environment, each as it is examined.

    With `full`, all stored files are read again. Raises as `find_source`, and WrongUsage for `full`
    where no files are stored; whatever is wrong beyond that is a link that failed.
    """
    project = find_project()
    source = find_source(project, environment, outputs)
    platform = _platform(source)
    if full and not platform.ABILITIES.stores_files:
        raise WrongUsage(
            f"--full reads the files that are stored on this machine, and environment {environment}"
            " stores none here; use --env local"
        )
    return platform.examine(project, environment, source, full)


def find_adoption(environment: str) -> Adoption:
    """Find what the stack of an environment takes over of a workspace that runs already.

    Raises WrongUsage for an environment that is no stack on Azure Machine Learning or names no such
    workspace, NotFound, EnvironmentRefused.
    """
    project = find_project()
    source = _managed_source(project, environment) if environment != LOCAL else None
    if source is None or (source.kind, source.platform) != ("stack", AZUREML):
        raise WrongUsage(
            f"environment {environment} is no stack on Azure Machine Learning; name one with a"
            " Pulumi.<env>.yaml"
        )
    from runner.azureml.environment import find_adoption

    return find_adoption(project, environment)


def takes_stack_output(environment: str) -> bool:
    """Return whether a stack's outputs can describe an environment: any but this machine's."""
    return environment != LOCAL


def find_source(project: Project, environment: str, outputs: Path | None = None) -> Source:
    """Return the source that says where an environment is, looked for in this order.

    A file of a stack's output: `outputs`, else RUNNER_STACK_OUTPUT; it may describe an environment
    of any name.
    The stack of the environment's name, where the project has Pulumi.yaml and
    Pulumi.<env>.yaml. The `config.json` of a workspace that Pulumi doesn't manage, from the
    current folder upwards, else from the project's root: for the environment that bears the
    workspace's name, and for those whose Pulumi.<env>.yaml has no Pulumi.yaml.

    Raises NotFound with the nearest names, WrongUsage for outputs given to `local`, for a
    `config.json` that doesn't name its workspace and for a platform that there is not.
    """
    if not takes_stack_output(environment):
        if outputs is not None:
            raise WrongUsage(
                f"--stack-output describes a workspace on Azure and {LOCAL} has none; name the"
                " environment with --env"
            )
        return Source("local", "local")
    given = outputs or _from_variable()
    if given is not None:
        return Source("outputs", _platform_of_output(given), given)
    return _managed_source(project, environment)


def _managed_source(project: Project, environment: str) -> Source:
    """Return the source of an environment that no file of outputs describes."""
    stack = stack_file(project, environment)
    managed = (project.root / "Pulumi.yaml").is_file()
    if stack is not None and managed:
        return Source("stack", read_platform(stack), stack)
    config = _config(project)
    if config is None:
        raise _unknown(project, environment, stack)
    if stack is not None:
        return Source("config", AZUREML, config)
    workspace = _workspace_name(config)
    if environment != workspace:  # more likely a slip than meant for this workspace
        raise _unknown(project, environment, stack, workspace)
    return Source("config", AZUREML, config)


def list_environments(project: Project) -> dict[str, Source]:
    """Return every environment that has a name of its own: local, the stacks, a `config.json`'s."""
    found: dict[str, Source] = {}
    given = _from_variable()
    stack = _read_output(given)[0] if given else None
    for name in environments(project):
        try:
            # A file that says whose output it is stands for that stack alone.
            named = name in (LOCAL, stack) or stack is None
            found[name] = (find_source if named else _managed_source)(project, name)
        except NotFound:  # not reachable from here, but named by its file
            found[name] = _unreachable_stack(project, name)
    config = _config(project)
    if config is not None:
        with suppress(WrongUsage):  # an open of that environment reports it
            found.setdefault(_workspace_name(config), Source("config", AZUREML, config))
    return found


def _platform(source: Source) -> Platform:
    return cast("Platform", import_module(PLATFORMS[source.platform]))


def _from_variable() -> Path | None:
    chosen = stack_output_variable()
    return Path(chosen).expanduser() if chosen else None


def _read_output(file: Path) -> tuple[str | None, str]:
    """Return the stack and the platform of a file of outputs, as far as it says them.

    Problems of a file that can't be read are reported when its environment is opened.
    """
    from runner.stacks.output import Malformed, read_output_file

    try:
        output = read_output_file(file)
        return output.stack, output.platform
    except (Malformed, RunnerError):
        return None, AZUREML


def _platform_of_output(file: Path) -> str:
    """Return the platform of a file of outputs. Raises WrongUsage for one that is not known."""
    _, platform = _read_output(file)
    if platform not in STACK_PLATFORMS:
        allowed = ", ".join(STACK_PLATFORMS)
        raise WrongUsage(f"{file}: platform is {platform!r}, allowed: {allowed}")
    return platform


def _unreachable_stack(project: Project, name: str) -> Source:
    file = stack_file(project, name)
    return Source("stack", read_platform(file) if file else AZUREML, file)


def _config(project: Project) -> Path | None:
    """Return the workspace's `config.json` nearest to here, else to the project."""
    return find_config(Path.cwd()) or find_config(project.root)


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
            " that makes it a stack, and there is no config.json of a workspace; give its output"
            f" with --stack-output or {STACK_OUTPUT}"
        )
    return NotFound(
        f"no environment {environment!r}: {project.root} has no Pulumi.{environment}.yaml"
        + nearest(environment, known)
    )
