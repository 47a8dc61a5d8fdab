"""Finds a deployment's scoring script, whose code has to lie on this machine to run or be sent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runner.declarations.deployment import Deployment
from runner.errors import EnvironmentRefused, NotFound


@dataclass(frozen=True)
class ScoringScript:
    """A script, by its path in the folder of code that it comes with."""

    code: Path
    name: str

    @property
    def path(self) -> Path:
        return self.code / self.name


def find_script(deployment: Deployment) -> ScoringScript | None:
    """Return the script of a deployment, or None where it has none.

    Raises EnvironmentRefused where its code is not on this machine, NotFound where it is not in
    its code.
    """
    configuration = deployment.code_configuration
    if configuration is None:
        return None
    if not isinstance(configuration.code, Path):
        raise EnvironmentRefused(
            f"the code of deployment {deployment.name!r} is not on this machine"
            f" ({configuration.code})"
        )
    script = ScoringScript(configuration.code, configuration.scoring_script)
    if not script.path.is_file():
        raise NotFound(f"deployment {deployment.name!r}: no scoring script {script.path}")
    return script
