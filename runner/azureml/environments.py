"""Finds or registers the environment of a job in a workspace."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.assets.content import hash_content, hash_file, scan
from runner.azureml.assets import send_unchanged
from runner.azureml.sdk import create, translated_sdk_errors
from runner.azureml.storage import storage_of
from runner.azureml.versions import latest_version, list_versions
from runner.declarations import AssetReference, Catalog, Environment
from runner.declarations.environment import Build, InferenceConfig, Route
from runner.declarations.environment_content import conda_text, version_of
from runner.declarations.problem import refusal
from runner.declarations.references import is_uri
from runner.errors import EnvironmentRefused, WrongUsage
from runner.workspace import OnProgress

if TYPE_CHECKING:
    from runner.azureml.connection import Connection
    from runner.declarations.job import Job

SEGMENT = "environments"
ANONYMOUS = "CliV2AnonymousEnvironment"  # the Azure CLI's name of one without a name
_ROUTES = ("liveness_route", "scoring_route", "readiness_route")
_SYSTEMS = {"linux": "Linux", "windows": "Windows"}


def environment_id(
    connection: Connection,
    catalog: Catalog,
    source: AssetReference | Environment,
    on_progress: OnProgress,
) -> str:
    """Return the id of an environment; one that is declared in full is registered.

    Its version is made of its content, so the same content is registered once. Raises NotFound
    with the nearest names, DeclarationError for a conda file that can't be read, WrongUsage and
    EnvironmentRefused.
    """
    if isinstance(source, Environment):
        return _register(connection, source, on_progress)
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
        return _register(connection, own, on_progress)
    versions = [str(found["name"]) for found in list_versions(connection, SEGMENT, source.name)]
    raise connection.missing(
        "environment",
        str(source).removeprefix("azureml:"),
        lambda: (
            [f"{source.name}:{version}" for version in versions]
            or [str(environment["name"]) for environment in connection.arm.pages(SEGMENT)]
        ),
    )


def declared_environment(entity: Any, job: Job, folder: Path) -> Environment:
    """Return the declaration of an environment that azure-ai-ml read in a step or trial of a job.

    Relative paths start from `folder`.
    """
    build, inference = entity.build, entity.inference_config
    named = entity.name != ANONYMOUS
    context = build and str(build.path)
    return Environment(
        file=job.file,
        source=job.source,
        name=entity.name if named else None,
        version=entity.version if named else None,
        image=entity.image,
        conda_file=entity.conda_file or None,
        build=build
        and Build(
            context if is_uri(context) else folder / context, build.dockerfile_path or "Dockerfile"
        ),
        os_type="windows" if str(entity.os_type).lower() == "windows" else "linux",
        inference_config=inference
        and InferenceConfig(*(_route(inference, name) for name in _ROUTES)),
        description=entity.description or "",
        tags=entity.tags or {},
        datastore=entity.datastore,
    )


def _route(inference: Any, name: str) -> Route:
    route = inference[name] if isinstance(inference, dict) else getattr(inference, name)
    return Route(**route) if isinstance(route, dict) else Route(route.port, route.path)


def _register(connection: Connection, environment: Environment, on_progress: OnProgress) -> str:
    if environment.auto_delete_setting:
        place = environment.source.key_places.get("auto_delete_setting", environment.source.place)
        raise refusal(
            place, "auto_delete_setting", "Azure takes none for environments: take it out"
        )
    name, build = environment.name or ANONYMOUS, environment.build
    folder = build.path if build and isinstance(build.path, Path) else None
    hashes = _hashes(folder) if folder else {}
    version = environment.version or version_of(
        environment, hash_content("folder", hashes.items()) if folder else None
    )
    path = (SEGMENT, name, "versions", version)
    found = connection.arm.find(*path)
    if found is None:
        context = (
            _send(connection, folder, hashes, on_progress, environment.datastore)
            if folder
            else None
        )
        entity = _entity(environment, name, version, context)
        create(connection, path, lambda client: client.environments.create_or_update(entity))
    elif environment.version and not _is_same(found["properties"], environment):
        raise EnvironmentRefused(
            f"environment {name}:{version} is registered with other content than"
            f" {environment.file} has: give it another version"
        )
    return _id(connection, name, version)


def _id(connection: Connection, name: str, version: str) -> str:
    return f"{connection.outputs.resource_id}/{SEGMENT}/{name}/versions/{version}"


def _entity(environment: Environment, name: str, version: str, context: str | None) -> Any:
    """Return azure-ai-ml's entity; `context` is the address of the folder of a build."""
    with translated_sdk_errors(f"read the environment in {environment.file}"):
        from azure.ai.ml.entities import BuildContext
        from azure.ai.ml.entities import Environment as Entity

        build, inference = environment.build, environment.inference_config
        entity = Entity(
            name=name,
            version=version,
            image=environment.image,
            conda_file=_conda_of(environment),
            build=(
                BuildContext(path=context or str(build.path), dockerfile_path=build.dockerfile_path)
                if build
                else None
            ),
            inference_config=inference and _routes(inference),
            os_type=_SYSTEMS[environment.os_type],
            description=environment.description or None,
            tags=dict(environment.tags),
            is_anonymous=environment.name is None,
        )
        entity.version = version  # it gives one without a name a hash of its own
        return entity


def _routes(inference: InferenceConfig) -> dict[str, Any]:
    return {name: asdict(getattr(inference, name)) for name in _ROUTES}


def _is_same(there: dict[str, Any], environment: Environment) -> bool:
    """Tell whether a version has the same content, but for the files of a build."""
    build, inference = environment.build, environment.inference_config
    routes = there.get("inferenceConfig")
    return (
        (there.get("image") or None) == environment.image
        and there.get("osType") == _SYSTEMS[environment.os_type]
        and _parsed(there.get("condaFile")) == _conda_of(environment)
        and _dockerfile(there) == (build and build.dockerfile_path)
        and _ports(routes) == (inference and _ports(_routes(inference)))
    )


def _ports(routes: dict[str, Any] | None) -> Any:
    """Return the routes of an inference server in a form that is the same in every spelling."""
    return routes and {
        name.lower().replace("_", ""): (route["port"], route["path"])
        for name, route in routes.items()
        if route
    }


def _conda_of(environment: Environment) -> Any:
    return _parsed(conda_text(environment))


def _parsed(text: str | None) -> Any:
    import yaml

    return yaml.safe_load(text or "null")


def _dockerfile(properties: dict[str, Any]) -> Any:
    build = properties.get("build")
    return build and (build.get("dockerfilePath") or "Dockerfile")


def _hashes(folder: Path) -> dict[str, str]:
    content = scan(folder)
    if content.shape != "folder":
        raise WrongUsage(f"{folder} is a file: name the folder of the Dockerfile")
    return {file.name: hash_file(file) for file in content.files}


def _send(
    connection: Connection,
    folder: Path,
    hashes: dict[str, str],
    on_progress: OnProgress,
    datastore: str | None,
) -> str:
    """Upload a build's folder and return its address."""
    store = (datastore or "").removeprefix("azureml:") or None
    content = scan(folder)
    place = send_unchanged(connection, folder, content, hashes, on_progress, "train again", store)
    # By the slash the service knows that it is a folder.
    return f"{storage_of(connection).blob_url(place)}/"
