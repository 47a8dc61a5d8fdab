"""What makes an environment, and the version that its content names."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from infra.pins import Deployment
from runner.declarations import AssetReference, Catalog, Environment

VERSION_DIGITS = 12


@dataclass(frozen=True)
class EnvironmentName:
    """What names a version of an environment: the declaration, or its content."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}-{self.version}"


def written_environment(deployment: Deployment, catalog: Catalog) -> Environment | None:
    """The environment in full, as the deployment has it or as its own file under models/ has."""
    source = deployment.environment
    if not isinstance(source, AssetReference):
        return source
    own = catalog.environments.get(source.name)
    if own is None or source.registry or source.workspace:
        return None
    same = own.version == source.version if own.version else source.label == "latest"
    return own if same else None


def environment_name(environment: Environment, deployment: Deployment) -> EnvironmentName:
    """Name and version; the same content has the same version, whoever declares it."""
    name = environment.name or f"{deployment.endpoint_name}-{deployment.name}"
    return EnvironmentName(name, environment.version or version_of(environment))


def version_of(environment: Environment) -> str:
    """Digits of the SHA-256 of what makes an environment; not of what describes it."""
    build, inference = environment.build, environment.inference_config
    content: dict[str, Any] = {
        "image": environment.image,
        "conda_file": conda_text(environment),
        "build": build and [str(build.path), build.dockerfile_path],
        "os_type": environment.os_type,
        "inference_config": inference and asdict(inference),
    }
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:VERSION_DIGITS]


def conda_text(environment: Environment) -> str | None:
    """The conda file as `az` sends it: written anew, so that a comment makes no new version."""
    conda = environment.conda_file
    if isinstance(conda, Path):
        conda = yaml.safe_load(conda.read_text(encoding="utf-8"))
    if conda is None:
        return None
    text: str = yaml.safe_dump(dict(conda), sort_keys=True, allow_unicode=True)
    return text
