"""Which Python runs the model, script or command of a deployment or a job on this machine."""

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
    """What makes declared environments: as the call asks, else the shell, else the project.

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
class Declaring:
    """What declares an environment: a deployment or a job, or else the model that it has."""

    owner: str  # as a message names it, such as `deployment 'blue'`
    environment: AssetReference | Environment | None
    needs: Needs
    model: Path | None = None
    unless_declared: tuple[str, ...] = ()  # added where nothing is declared of their packages
    label: str | None = None  # by which the model is named, as its folder says nothing to a person


@dataclass(frozen=True)
class Interpreters:
    """Chooses the Python of what a project declares, and makes its environment where need be."""

    home: Path
    declared: Mapping[str, Environment]  # the project's own, by name
    manager: EnvManager
    log: Callable[[str], object]  # told in a line what is made

    def choose(self, declaring: Declaring) -> Interpreter:
        """The Python for what is declared.

        Raises DeclarationError, WrongUsage for what can't be resolved, and EnvironmentRefused.
        """
        return self._choose(declaring, self.manager)

    def choose_own(self, declaring: Declaring) -> Interpreter:
        """The runner's own Python, for what Spark scores: it has no other.

        Raises EnvironmentRefused where other packages are declared than the runner has, unless
        its own are asked for.
        """
        own = self._choose(declaring, "local")
        if own.others and self.manager != "local":
            raise EnvironmentRefused(
                f"{declaring.owner} runs in Spark, which has the runner's own packages, and"
                f" {own.source} declares others ({told_others(own.others)[0]}): add --engine"
                " process to score with those, or --env-manager local to score with the runner's"
            )
        return own

    def _choose(self, declaring: Declaring, manager: EnvManager) -> Interpreter:
        served = declaring.needs.server
        declared = declared_environment(
            declaring.environment,
            self.declared,
            declaring.model,
            declaring.owner,
            **({"otherwise": "only those of Azure's inference server are"} if served else {}),
        )
        if declared is not None and declaring.model is not None and declaring.label is not None:
            declared = _named(declared, declaring.model, declaring.label)
        image = declared.image if declared and not declared.notices else None
        needs = declaring.needs
        if served:
            if manager == "local":
                check_own_server(declaring.owner)
            declared = with_server(declared, declaring.owner)
        if declared is not None:
            names = {name_of(requirement) for requirement in declared.requirements}
            brought = (each for each in declaring.unless_declared if name_of(each) not in names)
            needs = replace(needs, adds=(*needs.adds, *brought))
        found = choose_interpreter(self.home, declared, manager, needs=needs, log=self.log)
        unused = f"the image {image} of {declaring.owner} is not used on this machine"
        notices = (*found.notices, *([unused] if image else ()))
        for notice in notices:
            self.log(notice)
        return replace(found, notices=notices)


def _named(declared: DeclaredEnvironment, model: Path, label: str) -> DeclaredEnvironment:
    """What a model declares, its files named by the model and not by the workspace's folder."""

    def name(place: str) -> str:
        inside = place.removeprefix(f"{model}{os.sep}")
        return place if inside == place else f"{inside} of {label}"

    places = {requirement: name(place) for requirement, place in declared.places.items()}
    return replace(declared, source=name(declared.source), places=places)
