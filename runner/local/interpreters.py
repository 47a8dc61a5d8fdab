"""Which Python runs the model, script or command of a deployment or a job on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from runner.declarations import AssetReference, Catalog, Environment
from runner.errors import EnvironmentRefused, WrongUsage
from runner.job_interpreter import told_others
from runner.nearest import nearest
from runner.venvs.choosing import choose_interpreter
from runner.venvs.interpreter import ENV_MANAGERS, EnvManager, Interpreter
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
class Interpreters:
    """Chooses the Python of what a project declares, and makes its environment where need be."""

    home: Path
    declared: Mapping[str, Environment]  # the project's own, by name
    manager: EnvManager
    say: Callable[[str], object]  # told in a line what is made

    def choose(
        self,
        source: AssetReference | Environment | None,
        model: Path | None,
        owner: str,
        needs: Needs,
    ) -> Interpreter:
        """The Python for what an `owner`, such as `deployment blue`, declares.

        Raises DeclarationError, WrongUsage for what can't be resolved, and EnvironmentRefused.
        """
        return self._choose(source, model, owner, needs, self.manager)

    def choose_own(
        self,
        source: AssetReference | Environment | None,
        model: Path | None,
        owner: str,
        needs: Needs,
    ) -> Interpreter:
        """The runner's own Python, for what Spark scores: it has no other.

        Raises EnvironmentRefused where other packages are declared than the runner has, unless
        its own are asked for.
        """
        own = self._choose(source, model, owner, needs, "local")
        if own.others and self.manager != "local":
            raise EnvironmentRefused(
                f"{owner} runs in Spark, which has the runner's own packages, and {own.source}"
                f" declares others ({told_others(own.others)[0]}): add --engine process to score"
                " with those, or --env-manager local to score with the runner's"
            )
        return own

    def _choose(
        self,
        source: AssetReference | Environment | None,
        model: Path | None,
        owner: str,
        needs: Needs,
        manager: EnvManager,
    ) -> Interpreter:
        declared = declared_environment(source, self.declared, model, owner)
        found = choose_interpreter(self.home, declared, manager, needs=needs, say=self.say)
        image = declared.image if declared and not found.notices else None
        unused = (f"the image {image} of {owner} is not used on this machine",) if image else ()
        for notice in (*found.notices, *unused):
            self.say(notice)
        return replace(found, notices=(*found.notices, *unused))
