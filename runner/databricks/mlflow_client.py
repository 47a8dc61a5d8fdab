"""MLflow's own client, which writes versions of models and reads their files.

It knows where Unity Catalog keeps a model's files and which credentials reach them, which differs
from workspace to workspace. Importing it takes seconds, so only the commands that move a model's
files do. The environment variables that it reads are set only while it is used.
"""

from __future__ import annotations

import json
import os
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from runner.assets.content import Content, scan
from runner.azure.errors import ServiceError, refusal_of, scrub
from runner.azure.ways_out import way_out_if_unreachable
from runner.databricks.client import SCOPE
from runner.databricks.ways_out import TOKEN_REFUSED, way_out
from runner.files.atomic import remove

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from runner.databricks.connection import Connection
    from runner.workspace import Asset

TRACKING = "databricks"
REGISTRY = "databricks-uc"
_STATUSES: Mapping[str, int] = {  # by the name of an error of databricks-sdk
    "Unauthenticated": 401,
    "PermissionDenied": 403,
    "NotFound": 404,
    "TooManyRequests": 429,
    "BadRequest": 400,
}
_LONGEST = 400  # characters of a package's message
EXPIRED = 401  # the status of an error after which another client has another token
# Variables that would lead MLflow and the package below it to another workspace or account.
_FOREIGN = ("DATABRICKS_", "MLFLOW_TRACKING_", "MLFLOW_REGISTRY_", "ARM_CLIENT_")


@contextmanager
def mlflow_client(connection: Connection, what: str) -> Iterator[MlflowClient]:
    """Yield MLflow's client of the workspace and of Unity Catalog; `what` names the task in errors.

    Raises ServiceError for whatever it raises.
    """
    variables = {
        "DATABRICKS_HOST": connection.outputs.host,
        "DATABRICKS_TOKEN": connection.credential.get_token(SCOPE).token,
        "DATABRICKS_AUTH_TYPE": "pat",
        "MLFLOW_TRACKING_URI": TRACKING,
        "MLFLOW_REGISTRY_URI": REGISTRY,
        # Its requests go out without databricks-sdk, which keeps a client with the token for good.
        "MLFLOW_ENABLE_DB_SDK": "false",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_LOGGING_LEVEL": "ERROR",  # it would warn of what is done here on purpose
    }
    with _environment(variables), _errors_translated(connection, what):
        from mlflow import MlflowClient

        yield MlflowClient(tracking_uri=TRACKING, registry_uri=REGISTRY)


def fetch_artifacts(connection: Connection, address: str, folder: Path) -> Path:
    """Fetch what a run logged, or a model's version, into a folder; return where it lies.

    `address` is `runs:/RUN/PATH`, `models:/m-ID` or `models:/CATALOG.SCHEMA.NAME/VERSION`.
    """
    try:
        return _fetch(connection, address, folder)
    except ServiceError as error:
        if error.status != EXPIRED:
            raise
    return _fetch(connection, address, folder)


def fetched_content(connection: Connection, home: Path, asset: Asset) -> Content:
    """Fetch the files of a model's version, which are deleted together with the result."""
    folder = home / f"model-{uuid4().hex}"
    try:
        found = fetch_artifacts(connection, asset.path, folder)
        names = sorted(str(path.relative_to(found)) for path in found.rglob("*") if path.is_file())
        content = scan(found, names)  # all of them: ignore files of the model are part of it
    except BaseException:
        remove(folder)
        raise
    weakref.finalize(content, remove, folder)
    return content


def _fetch(connection: Connection, address: str, folder: Path) -> Path:
    with mlflow_client(connection, f"fetch {address}"):
        from mlflow import artifacts
        from mlflow.store.artifact.unity_catalog_models_artifact_repo import (
            UnityCatalogModelsArtifactRepository,
        )

        folder.mkdir(parents=True, exist_ok=True)
        if address.startswith("models:/") and not address.startswith("models:/m-"):
            # Asked for by its address, MLflow adds a file of its own to a registered model.
            repository: Any = UnityCatalogModelsArtifactRepository
            found = repository(address, REGISTRY, TRACKING).download_artifacts("", str(folder))
        else:
            fetch: Any = artifacts.download_artifacts
            found = fetch(artifact_uri=address, dst_path=str(folder), tracking_uri=TRACKING)
    return Path(found)


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set variables, without those that mean something else, and put back all as it was."""
    kept = dict(os.environ)
    try:
        for name in kept:
            if name.startswith(_FOREIGN):
                del os.environ[name]
        os.environ.update(variables)
        yield
    finally:
        for name in {*os.environ, *kept}:
            if name not in kept:
                del os.environ[name]
            elif os.environ.get(name) != kept[name]:
                os.environ[name] = kept[name]


@contextmanager
def _errors_translated(connection: Connection, what: str) -> Iterator[None]:
    """Raise ServiceError for the errors that MLflow, databricks-sdk and requests raise inside."""
    try:
        yield
    except Exception as error:
        translated = _translate(connection, what, error)
        if translated is None:
            raise
        raise translated from None


def _translate(connection: Connection, what: str, error: Exception) -> ServiceError | None:
    from databricks.sdk.errors.base import DatabricksError
    from mlflow.exceptions import MlflowException
    from requests import RequestException

    def refused(status: int, code: str, message: str) -> ServiceError:
        if status == EXPIRED or TOKEN_REFUSED.search(message):
            connection.credential.forget()  # so that the next client gets another
            status = EXPIRED
        body = json.dumps({"error_code": code, "message": message})
        path, outputs = "/2.0/mlflow/unity-catalog/model-versions", connection.outputs
        return refusal_of(
            "Databricks",
            status,
            body,
            what,
            lambda code, message: way_out(outputs, "POST", path, status, code, message),
        )

    if isinstance(error, MlflowException):
        code = str(error.error_code)
        if isinstance(error.__cause__, DatabricksError | RequestException):
            return _translate(connection, what, error.__cause__)
        if code == "INTERNAL_ERROR" and not hasattr(error, "json"):
            # No answer at all, or a failure on this machine.
            said = scrub(error.message)[:_LONGEST]
            return ServiceError(f"can't {what}: {said}; try again in a while")
        mlflow_error: Any = error
        return refused(int(mlflow_error.get_http_status_code()), code, str(error.message))
    if isinstance(error, DatabricksError):
        message = str(error).partition(". Config:")[0]  # it goes on with its own settings
        status = next((s for kind, s in _STATUSES.items() if kind in _kinds(error)), 500)
        if status == 403 and message in ("", "Forbidden"):
            status = EXPIRED  # as a look at a file is refused, whose answer says nothing
        return refused(status, str(error.error_code or ""), message)
    if isinstance(error, RequestException):
        said, host = scrub(str(error))[:_LONGEST], connection.outputs.host
        return ServiceError(
            f"can't {what}: {host} does not answer ({said}); {way_out_if_unreachable(said)}"
        )
    return None


def _kinds(error: Exception) -> set[str]:
    """Return the names of an error's class and of those above it."""
    return {kind.__name__ for kind in type(error).__mro__}
