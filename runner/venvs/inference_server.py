"""Adds Azure's inference server to the environment of a deployment with a scoring script."""

from __future__ import annotations

from dataclasses import replace

from runner.azure_executor import BRINGS_SERVER, SERVER, image_has_server
from runner.errors import EnvironmentRefused
from runner.installing import installed_by
from runner.venvs.environment import DeclaredEnvironment
from runner.venvs.names import name_of
from runner.venvs.satisfied import is_installed


def with_server(declared: DeclaredEnvironment | None, owner: str) -> DeclaredEnvironment:
    """Return the declared environment, with the server added where it doesn't name it.

    `owner` is the deployment, as a message names it. A notice says that Azure adds nothing.
    """
    if declared is None:
        return DeclaredEnvironment(owner, requirements=(SERVER,), notices=(_notice(owner),))
    names = {name_of(requirement) for requirement in declared.requirements}
    if SERVER in names:
        return declared
    found = replace(declared, known=True, requirements=(*declared.requirements, SERVER))
    if names & BRINGS_SERVER or _on_azure(declared):
        return found
    return replace(found, notices=(*declared.notices, _notice(declared.source)))


def check_own_server(owner: str) -> None:
    """Raise EnvironmentRefused where the runner's own environment has no such server."""
    if not is_installed(SERVER):
        raise EnvironmentRefused(
            f"the script of {owner} runs under {SERVER}, which the runner's own environment has"
            " not: add --env-manager uv, which makes one that has it, or"
            f" {installed_by(SERVER)}"
        )


def _on_azure(declared: DeclaredEnvironment) -> bool:
    """Return whether what Azure adds has the server, as far as that is known here."""
    if declared.image is not None:
        return image_has_server(declared.image)
    return declared.elsewhere


def _notice(source: str) -> str:
    return (
        f"{source} declares no {SERVER}, which is added here: Azure does not start such a"
        " deployment unless its image has it"
    )
