"""Online deployments that Azure would take, and whose container would not start or not have the
time it needs; and secrets in their variables, which the preview and the state would hold in clear.

Each is a warning and no problem: what a package brings along is not known here, nor whether the
model that is pinned is the one that lies here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pulumi

from infra.environment import written_environment
from infra.pins import pinned
from runner.azure_executor import online_needs
from runner.declarations import (
    AssetReference,
    Catalog,
    DeclarationError,
    Environment,
    OnlineDeployment,
)
from runner.declarations.document import read_document
from runner.declarations.environment_content import conda_packages
from runner.declarations.reader import plain
from runner.declarations.secret_variables import WAY_OUT, in_clear
from runner.serving_record import served_before, too_short


def warn_of_containers(catalog: Catalog, home: Path) -> None:
    """Tell what of the pinned online deployments would not start, or is a secret in clear.

    `home` is the local workspace, which knows how long they took when they were served on this
    machine.
    """
    for line in container_warnings(catalog, home):
        pulumi.log.warn(line)


def container_warnings(catalog: Catalog, home: Path) -> list[str]:
    """Return a line for each package that is missing, time that is too short, and secret."""
    lines: list[str] = []
    for endpoint, deployments in sorted(catalog.online_deployments.items()):
        served = served_before(home, endpoint)
        for deployment in pinned(deployments).values():
            name = f"{endpoint}/{deployment.name}"
            lines += (f"{name}: {line}" for line in _lacking(deployment, catalog))
            if deployment.name in served:
                lines += (
                    f"{name}: {'.'.join(short.keys)}: {short.text}"
                    for short in too_short(deployment, served[deployment.name])
                )
            lines += (
                f"{name}: {variable} looks like a secret, and everyone who may see the deployment"
                f" or this stack's state sees it: {WAY_OUT}"
                for variable in in_clear(deployment.environment_variables)
            )
    return lines


def _lacking(deployment: OnlineDeployment, catalog: Catalog) -> Iterator[str]:
    has_script = deployment.code_configuration is not None
    environment = written_environment(deployment, catalog)
    if environment is not None:
        if environment.inference_config is not None or environment.image is None:
            return  # it starts a server of its own, or what a Dockerfile says
        packages, where = _of_environment(environment), "its environment"
    elif deployment.environment is None and not has_script:
        packages, where = _of_model(deployment, catalog), "its model's conda.yaml, as it lies here,"
    else:
        return
    if packages is None:
        return
    image = environment.image if environment is not None else None
    for package, enough in online_needs(has_script, image):
        if not packages & enough:
            yield (
                f"{where} does not name {package}, without which Azure's container does not"
                " start; `runner check` says where to add it"
            )


def _of_environment(environment: Environment) -> frozenset[str] | None:
    """Return the packages that an environment names, None where only its image knows."""
    conda = environment.conda_file
    if conda is None:
        return None
    return _read(conda) if isinstance(conda, Path) else conda_packages(conda)


def _of_model(deployment: OnlineDeployment, catalog: Catalog) -> frozenset[str] | None:
    """Return the packages that an MLflow model names, None where it does not lie here."""
    source = deployment.model
    if isinstance(source, AssetReference):
        elsewhere = source.registry or source.workspace
        model = None if elsewhere else catalog.models.get(source.name)
    else:
        model = source
    if model is None or model.type != "mlflow_model" or not isinstance(model.path, Path):
        return None
    return _read(model.path / "conda.yaml")


def _read(file: Path) -> frozenset[str] | None:
    try:
        return conda_packages(plain(read_document(file)))
    except DeclarationError:
        return None  # a deployment's own is told of before; a model's may not lie here
