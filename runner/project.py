"""The project a command works in: its root, its models and where its local workspace lives."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from runner.errors import WrongUsage

LOCAL = "local"
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


def find_project(start: Path | None = None) -> Project:
    """The project that `start` (the current folder) lies in; `RUNNER_PROJECT` overrides.

    A project's root has `Pulumi.yaml`, or a `models` folder beside `pyproject.toml` or `.git`.
    The nearest such folder wins; without one it is the folder in which a workspace's `config.json`
    lies (also in `.azureml/`), for a workspace that others deploy to. The home is `RUNNER_HOME`,
    else `.runner` in the root. Raises WrongUsage outside any project.
    """
    root = _root(start or Path.cwd())
    return Project(root=root, models=root / "models", home=home_of(root))


def home_of(root: Path) -> Path:
    """Where the local workspace of a project lives, by its root."""
    home = os.environ.get("RUNNER_HOME")
    return Path(home).expanduser().absolute() if home else root / ".runner"


def environments(project: Project) -> tuple[str, ...]:
    """`local`, then the name of every `Pulumi.<env>.yaml` in the root, sorted."""
    names = {path.name.split(".", 1)[1].removesuffix(".yaml") for path in _stack_files(project)}
    return (LOCAL, *sorted(names - {LOCAL}))


def default_environment() -> str:
    """The environment of a command that names none: RUNNER_ENV, else local."""
    return os.environ.get("RUNNER_ENV") or LOCAL


def environment_option(environment: str) -> str:
    """What a command needs, after its last word, to mean an environment: ` --env dev`.

    Empty for local, unless RUNNER_ENV makes another the default of this shell.
    """
    if environment == LOCAL == default_environment():
        return ""
    return f" --env {environment}"


def stack_file(project: Project, environment: str) -> Path | None:
    """The environment's `Pulumi.<env>.yaml`; None where it has none."""
    name = f"Pulumi.{environment}.yaml"
    return next((path for path in _stack_files(project) if path.name == name), None)


def find_config(start: Path) -> Path | None:
    """The nearest `config.json` of a workspace, from a folder upwards, as the SDK finds it.

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
    """Whether a file is there and meant as a workspace's, be it whole or not."""
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
