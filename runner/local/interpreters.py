"""The Python of a deployment or a job on this machine is chosen here, or made."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from runner.declarations import AssetReference, Catalog, Environment
from runner.errors import EnvironmentRefused, WrongUsage
from runner.jobs.interpreter import told_others
from runner.nearest import nearest
from runner.venvs.choosing import choose_interpreter
from runner.venvs.environment import DeclaredEnvironment
from runner.venvs.inference_server import check_own_server, with_server
from runner.venvs.interpreter import ENV_MANAGERS, EnvManager, Interpreter
from runner.venvs.names import name_of
from runner.venvs.needs import Needs
from runner.venvs.reading import declared_environment

VARIABLE = "RUNNER_ENV_MANAGER"


def asked_manager(asked: EnvManager | None, catalog: Catalog) -> EnvManager:
    """Return the tool that makes environments, by the call, else the shell, else the project.

    Raises WrongUsage for a variable that says something else.
    """
    if asked is not None:
        return asked
    variable = os.environ.get(VARIABLE)
    if not variable:
        return catalog.env_manager or "auto"
    for manager in ENV_MANAGERS:
        if variable == manager:
            return manager
    raise WrongUsage(f"{VARIABLE} is {variable!r}{nearest(variable, ENV_MANAGERS)}")


@dataclass(frozen=True)
class EnvironmentSource:
    """The environment that a deployment or a job declares, or else the model that it has."""

    owner: str  # as messages name it, such as `deployment 'blue'`
    environment: AssetReference | Environment | None
    needs: Needs
    model: Path | None = None
    unless_declared: tuple[str, ...] = ()  # requirements, added if their packages are not declared
    label: str | None = None  # the name of the model in messages


@dataclass(frozen=True)
class Interpreters:
    """Chooses the Python of what a project declares, and makes its environment where need be."""

    home: Path
    declared: Mapping[str, Environment]  # the project's own, by name
    manager: EnvManager
    log: Callable[[str], object]  # gets a line about what is made

    def choose(self, source: EnvironmentSource) -> Interpreter:
        """Return the Python for what is declared.

        Raises DeclarationError, WrongUsage for what can't be resolved, and EnvironmentRefused.
        """
        return self._choose(source, self.manager)

    def choose_own(self, source: EnvironmentSource) -> Interpreter:
        """Return the runner's own Python, for what Spark scores, as it has no other.

        Raises EnvironmentRefused where other packages are declared than the runner has, unless
        its own are asked for.
        """
        own = self._choose(source, "local")
        if own.others and self.manager != "local":
            raise EnvironmentRefused(
                f"{source.owner} runs in Spark, which has the runner's own packages, and"
                f" {own.source} declares others ({told_others(own.others)[0]}): add --engine"
                " process to score with those, or --env-manager local to score with the runner's"
            )
        return own

    def _choose(self, source: EnvironmentSource, manager: EnvManager) -> Interpreter:
        served = source.needs.server
        declared = declared_environment(
            source.environment,
            self.declared,
            source.model,
            source.owner,
            **({"otherwise": "only those of Azure's inference server are"} if served else {}),
        )
        if declared is not None and source.model is not None and source.label is not None:
            declared = _named(declared, source.model, source.label)
        image = declared.image if declared and not declared.notices else None
        needs = source.needs
        if served:
            if manager == "local":
                check_own_server(source.owner)
            declared = with_server(declared, source.owner)
        if declared is not None:
            names = {name_of(requirement) for requirement in declared.requirements}
            lacking = (need for need in source.unless_declared if name_of(need) not in names)
            needs = replace(needs, adds=(*needs.adds, *lacking))
        found = choose_interpreter(self.home, declared, manager, needs=needs, log=self.log)
        unused = f"the image {image} of {source.owner} is not used on this machine"
        notices = (*found.notices, *([unused] if image else ()))
        for notice in notices:
            self.log(notice)
        return replace(found, notices=notices)


def _named(declared: DeclaredEnvironment, model: Path, label: str) -> DeclaredEnvironment:
    """Name the files in a model's environment by the model, and not by the workspace's folder."""

    def name(place: str) -> str:
        inside = place.removeprefix(f"{model}{os.sep}")
        return place if inside == place else f"{inside} of {label}"

    places = {requirement: name(place) for requirement, place in declared.places.items()}
    return replace(declared, source=name(declared.source), places=places)
