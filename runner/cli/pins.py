"""`--pin` of `runner models`, which writes a version into an environment's stack file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.cli.options import Function

if TYPE_CHECKING:
    from runner.declarations.deployment import Deployment
    from runner.workspace import Asset, Workspace


@dataclass(frozen=True)
class Targets:
    """Names the deployments to pin, and the stack file to pin them in."""

    file: Path
    deployments: Sequence[Deployment]


def pin_options(function: Function) -> Function:
    """Add `--pin` and the option that says which deployments it is for."""
    pin = click.option(
        "--pin",
        is_flag=True,
        help="Write the version into Pulumi.<env>.yaml, for the next `pulumi up`.",
    )
    deployments = click.option(
        "--deployment",
        "deployments",
        metavar="ENDPOINT/DEPLOYMENT",
        multiple=True,
        help="What to pin; may be repeated.  [default: the batch deployments that the file pins"
        " to this model, else all that are declared with it]",
    )
    return pin(deployments(function))


def find_targets(
    environment: str, model: str, path: Path | str | None, deployments: Sequence[str], pin: bool
) -> Targets | None:
    """Return what to pin, before anything is registered; None without `pin`.

    Raises WrongUsage for an environment without a stack file and where no deployment is meant,
    and DeclarationError.
    """
    if not pin:
        if deployments:
            raise click.UsageError("--deployment says what to pin: add --pin")
        return None
    from runner.declarations import read_catalog, read_stack
    from runner.declarations.pin import deployments_to_pin
    from runner.errors import WrongUsage
    from runner.project import find_project, stack_file

    project = find_project()
    file = stack_file(project, environment)
    if file is None:
        raise WrongUsage(
            f"environment {environment} has no Pulumi.{environment}.yaml to pin a version in:"
            " leave --pin out, or make the file"
        )
    catalog, stack = read_catalog(project.models), read_stack(file)
    return Targets(file, deployments_to_pin(catalog, stack, model, path, deployments))


def pin_model(workspace: Workspace, targets: Targets, model: Asset) -> None:
    """Pin a registered version, and the code of deployments with a script, which is registered.

    The changes, or that there are none, are printed to stderr. Raises DeclarationError and
    EnvironmentRefused.
    """
    from runner.cli.printing import near, print_note
    from runner.declarations.pin import Pin, write_pins

    pins = [
        Pin(
            deployment.endpoint_name,
            deployment.name,
            model.reference,
            _register_code(workspace, deployment),
        )
        for deployment in targets.deployments
    ]
    written = write_pins(targets.file, pins)
    if not written:
        print_note(f"{near(str(targets.file))} has these pins already")
    for pin in written:
        values = " and ".join(value for _, value in pin.values)
        print_note(f"{near(str(targets.file))}: {pin.endpoint}/{pin.deployment} runs {values}")


def _register_code(workspace: Workspace, deployment: Deployment) -> str | None:
    """Register a deployment's own code; None where it has none that lies on this machine."""
    configuration = deployment.code_configuration
    if configuration is None or not isinstance(configuration.code, Path):
        return None
    name = f"{deployment.endpoint_name}-{deployment.name}"
    return workspace.register_code(name, configuration.code)
