"""Environments of a workspace, found or registered for a job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.azureml.assets import Tell, send
from runner.azureml.storage import storage_of
from runner.azureml.versions import latest_version, list_versions
from runner.content import hash_content, hash_file, scan
from runner.declarations import AssetReference, Catalog, Environment
from runner.declarations.environment_content import conda_text, version_of
from runner.declarations.problem import refusal
from runner.errors import EnvironmentRefused, WrongUsage

if TYPE_CHECKING:
    from runner.azureml.connection import Connection
    from runner.declarations.environment import InferenceConfig, Route

SEGMENT = "environments"
ANONYMOUS = "CliV2AnonymousEnvironment"  # what the Azure CLI calls one without a name
_SYSTEMS = {"linux": "Linux", "windows": "Windows"}


def environment_id(
    connection: Connection, catalog: Catalog, source: AssetReference | Environment, tell: Tell
) -> str:
    """The id of an environment. One that is written in full is registered under its content.

    So the same content again is the same version. Raises NotFound with the nearest names,
    DeclarationError for a conda file that can't be read, WrongUsage and EnvironmentRefused.
    """
    if isinstance(source, Environment):
        return _register(connection, source, tell)
    if source.registry or source.workspace:
        if not source.exact:
            raise WrongUsage(f"{source} is in another place, where `latest` can't be asked for")
        return str(source).removeprefix("azureml:") if source.workspace else str(source)
    if source.version is None:
        found = latest_version(connection, SEGMENT, source.name)
    else:
        found = connection.arm.find(SEGMENT, source.name, "versions", source.version)
    if found is not None:
        return _id(connection, source.name, found["name"])
    own = catalog.environments.get(source.name)
    if own is not None and source.version in (None, own.version):
        return _register(connection, own, tell)
    versions = [str(one["name"]) for one in list_versions(connection, SEGMENT, source.name)]
    raise connection.missing(
        "environment",
        str(source).removeprefix("azureml:"),
        lambda: (
            [f"{source.name}:{one}" for one in versions]
            or [str(one["name"]) for one in connection.arm.pages(SEGMENT)]
        ),
    )


def _register(connection: Connection, environment: Environment, tell: Tell) -> str:
    for key in ("datastore", "auto_delete_setting"):
        if getattr(environment, key):
            place = environment.source.key_places[key]
            raise refusal(place, key, "the runner does not send it: take it out")
    name, build = environment.name or ANONYMOUS, environment.build
    folder = build.path if build and isinstance(build.path, Path) else None
    hashes = _hashes(folder) if folder else {}
    version = environment.version or version_of(
        environment, hash_content("folder", hashes.items()) if folder else None
    )
    found = connection.arm.find(SEGMENT, name, "versions", version)
    if found is None:
        context = _send(connection, folder, hashes, tell) if folder else None
        body = {"properties": _properties(environment, context)}
        connection.arm.put(SEGMENT, name, "versions", version, body=body)
    elif environment.version and not _is_same(found["properties"], environment):
        raise EnvironmentRefused(
            f"environment {name}:{version} is registered with other content than"
            f" {environment.file} has: give it another version"
        )
    return _id(connection, name, version)


def _id(connection: Connection, name: str, version: str) -> str:
    return f"{connection.outputs.resource_id}/{SEGMENT}/{name}/versions/{version}"


def _properties(environment: Environment, context: str | None) -> dict[str, Any]:
    build, inference = environment.build, environment.inference_config
    properties = {
        "image": environment.image,
        "condaFile": conda_text(environment),
        "build": build
        and {"contextUri": context or str(build.path), "dockerfilePath": build.dockerfile_path},
        "inferenceConfig": inference and _routes(inference),
        "description": environment.description,
        "tags": dict(environment.tags),
    }
    return {key: value for key, value in properties.items() if value} | {
        "osType": _SYSTEMS[environment.os_type],
        "isAnonymous": environment.name is None,
        "isArchived": False,
    }


def _routes(inference: InferenceConfig) -> dict[str, Any]:
    def wire(route: Route) -> dict[str, Any]:
        return {"port": route.port, "path": route.path}

    return {
        "livenessRoute": wire(inference.liveness_route),
        "readinessRoute": wire(inference.readiness_route),
        "scoringRoute": wire(inference.scoring_route),
    }


def _is_same(there: dict[str, Any], environment: Environment) -> bool:
    """Whether a version was made from the same; where the files of a build lie is not known."""
    own = _properties(environment, None)
    keys = ("image", "osType", "inferenceConfig")
    return (
        all((there.get(key) or None) == own.get(key) for key in keys)
        and _conda(there) == _conda(own)
        and _dockerfile(there) == _dockerfile(own)
    )


def _conda(properties: dict[str, Any]) -> Any:
    import yaml

    return yaml.safe_load(properties.get("condaFile") or "null")


def _dockerfile(properties: dict[str, Any]) -> Any:
    build = properties.get("build")
    return build and (build.get("dockerfilePath") or "Dockerfile")


def _hashes(folder: Path) -> dict[str, str]:
    content = scan(folder)
    if content.shape != "folder":
        raise WrongUsage(f"{folder} is a file: name the folder of the Dockerfile")
    return {file.name: hash_file(file) for file in content.files}


def _send(connection: Connection, folder: Path, hashes: dict[str, str], tell: Tell) -> str:
    """Upload a build's folder and return its address."""
    place, sent = send(connection, folder.name, scan(folder), hashes, tell)
    if sent != hash_content("folder", hashes.items()):
        raise EnvironmentRefused(f"{folder} changed while it was being sent: train again")
    # The service takes it for a folder by its last character.
    return f"{storage_of(connection).blob_url(place)}/"
