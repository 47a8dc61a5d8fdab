"""Finds the project that a command works in, its environments and what they declare."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from runner.errors import WrongUsage

if TYPE_CHECKING:
    from runner.declarations import Catalog

LOCAL = "local"
STACK_OUTPUT = "RUNNER_STACK_OUTPUT"  # the variable that names a file of a stack's output
_FORMER_STACK_OUTPUT = "RUNNER_OUTPUTS"  # what it was called
AZUREML = "azureml"  # the platform of a stack that names none
# Where the SDK's MLClient.from_config looks for a workspace, folder by folder upwards.
_CONFIG_FILES = tuple(
    f"{folder}{name}"
    for folder in (".azureml/", "aml_config/", "")
    for name in ("config.json", "project.json")
)
_CONFIG_KEYS = ("subscription_id", "resource_group", "workspace_name", "Scope")


@dataclass(frozen=True)
class Project:
    """The places a project is made of; every path is absolute."""

    root: Path
    models: Path  # a folder per model
    home: Path  # the local workspace


@dataclass(frozen=True)
class Source:
    """A description of where an environment's workspace is; `local` needs none."""

    kind: Literal["local", "outputs", "stack", "config"]
    platform: str  # see `environments.PLATFORMS`
    file: Path | None = None  # the outputs, the Pulumi.<env>.yaml or the config.json


def stack_output_variable() -> str | None:
    """Return the file of a stack's output that the variable names, if it is set."""
    return os.environ.get(STACK_OUTPUT) or os.environ.get(_FORMER_STACK_OUTPUT) or None


def find_project(start: Path | None = None) -> Project:
    """Return the project that `start` (the current folder) lies in; `RUNNER_PROJECT` overrides.

    A project's root has `Pulumi.yaml`, or a `models` folder beside `pyproject.toml` or `.git`.
    The nearest such folder wins; without one it is the folder in which a workspace's `config.json`
    lies (also in `.azureml/`), for a workspace that others deploy to. The home is `RUNNER_HOME`,
    else `.runner` in the root. Raises WrongUsage outside any project.
    """
    root = _root(start or Path.cwd())
    return Project(root=root, models=root / "models", home=home_of(root))


def home_of(root: Path) -> Path:
    """Return the folder of a project's local workspace, by its root."""
    home = os.environ.get("RUNNER_HOME")
    return Path(home).expanduser().absolute() if home else root / ".runner"


def environments(project: Project) -> tuple[str, ...]:
    """Return `local`, then the name of every `Pulumi.<env>.yaml` in the root, sorted."""
    names = {path.name.split(".", 1)[1].removesuffix(".yaml") for path in _stack_files(project)}
    return (LOCAL, *sorted(names - {LOCAL}))


def default_environment() -> str:
    """Return the environment of a command that names none: RUNNER_ENV, else local."""
    return os.environ.get("RUNNER_ENV") or LOCAL


def environment_option(environment: str) -> str:
    """Return the option that makes a command mean an environment, as ` --env dev`.

    Empty for local, unless RUNNER_ENV makes another the default of this shell.
    """
    if environment == LOCAL == default_environment():
        return ""
    return f" --env {environment}"


def stack_file(project: Project, environment: str) -> Path | None:
    """Return the environment's `Pulumi.<env>.yaml`, or None where it has none."""
    name = f"Pulumi.{environment}.yaml"
    return next((path for path in _stack_files(project) if path.name == name), None)


def read_environment_catalog(
    project: Project, environment: str, *, may_be_missing: bool = False
) -> Catalog:
    """Return the declarations under `models/` with the environment's `Pulumi.<env>.yaml` laid over.

    With `may_be_missing`, a project without that folder declares nothing. Raises DeclarationError.
    """
    from runner.declarations import Catalog, lay_over, read_catalog, read_stack

    models = project.models
    empty = may_be_missing and not models.is_dir()
    catalog = Catalog(models) if empty else read_catalog(models)
    stack = stack_file(project, environment)
    return lay_over(catalog, read_stack(stack)) if stack else catalog


def find_config(start: Path) -> Path | None:
    """Return the nearest `config.json` of a workspace, from a folder upwards, as the SDK finds it.

    Those of other programs are passed over: none of the keys of a workspace's is in them, and they
    don't lie, broken, where only a workspace's has a place.
    """
    for folder in (start, *start.parents):
        for name in _CONFIG_FILES:
            if _is_of_workspace(folder / name):
                return folder / name
    return None


def _stack_files(project: Project) -> list[Path]:
    return [path for path in project.root.glob("Pulumi.*.yaml") if path.is_file()]


def _root(start: Path) -> Path:
    chosen = os.environ.get("RUNNER_PROJECT")
    if chosen:
        root = Path(chosen).expanduser().absolute()
        if not root.is_dir():
            raise WrongUsage(f"RUNNER_PROJECT is {chosen}, which is not a folder")
        return root
    start = start.absolute()
    for folder in (start, *start.parents):
        if _is_root(folder):
            return folder
    config = find_config(start)
    if config is not None:
        return config.parent.parent if _is_apart(config) else config.parent
    raise WrongUsage(
        f"{start} is not in a project (a folder with Pulumi.yaml, with models/ beside"
        " pyproject.toml or .git, or with the config.json of a workspace); change to one, or name"
        " it in RUNNER_PROJECT"
    )


def _is_of_workspace(config: Path) -> bool:
    """Return whether a file is there and meant as a workspace's, be it whole or not."""
    try:
        text = config.read_text(encoding="utf-8-sig")
        if any(f'"{key}"' in text for key in _CONFIG_KEYS):
            return True
        json.loads(text)
    except OSError:
        return False
    except ValueError:  # neither JSON nor text
        return _is_apart(config)
    return False


def _is_apart(config: Path) -> bool:
    return config.parent.name in (".azureml", "aml_config")


def _is_root(folder: Path) -> bool:
    if (folder / "Pulumi.yaml").is_file():
        return True
    return (folder / "models").is_dir() and (
        (folder / "pyproject.toml").is_file() or (folder / ".git").exists()
    )
