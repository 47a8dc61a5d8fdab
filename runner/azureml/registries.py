"""Shares models of a workspace with registries, and finds what registries have.

All requests go through azure-ai-ml, which finds a registry's address. The versions of a registry
never change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.assets.kinds import ASSET_KINDS, AssetKind
from runner.azure.errors import Missing, ServiceError
from runner.azureml.registered import asset_record, get_asset
from runner.errors import EnvironmentRefused
from runner.workspace import Asset

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

    from runner.azureml.connection import Connection

_TRIES = 3


def share_model(connection: Connection, reference: str, registry: str) -> Asset:
    """Copy a model's version to a registry, under the same name and version.

    Azure copies the files. Where the registry has the same content already, nothing is done. Raises
    NotFound for a model that the workspace lacks, and EnvironmentRefused.
    """
    from runner.azureml.sdk import ml_client, signed_in, translated_sdk_errors

    model = get_asset(connection, "model", reference)
    name, version = model.name, model.version
    there = find_shared(connection, registry, "model", name, version)
    if there is not None:
        return _checked(model, there, registry)

    def share() -> None:
        with translated_sdk_errors(f"share {model.reference} with registry {registry!r}"):
            ml_client(connection).models.share(
                name,
                version,
                share_with_name=name,
                share_with_version=version,
                registry_name=registry,
            )

    for tries_left in reversed(range(_TRIES)):
        try:
            signed_in(connection, share)
        except ServiceError as error:
            # The request may have been carried out, and its answer lost.
            there = find_shared(connection, registry, "model", name, version)
            lost = error.status is None or error.status >= 500 or error.status == 429
            if there is None and (not lost or not tries_left):
                raise
        else:
            there = find_shared(connection, registry, "model", name, version)
        if there is not None:
            return _checked(model, there, registry)
    raise EnvironmentRefused(
        f"registry {registry!r} does not have {model.reference} yet, though Azure took the"
        " request: look again in a while"
    )


def find_shared(
    connection: Connection, registry: str, kind: AssetKind, name: str, version: str
) -> Asset | None:
    """Return a version of a registry; None where the registry lacks it.

    Raises EnvironmentRefused for a registry that is not there, or can't be reached.
    """
    from runner.azureml.sdk import ml_client, signed_in, translated_sdk_errors

    def opened() -> MLClient:
        with translated_sdk_errors(f"open registry {registry!r}"):
            return ml_client(connection, registry)

    def asked() -> Any:
        client = opened()
        operations: Any = client.models if kind == "model" else client.data
        with translated_sdk_errors(f"read {name}:{version} of registry {registry!r}"):
            return operations.get(name, version)

    signed_in(connection, opened)  # a registry that is not there is an error
    try:
        found = signed_in(connection, asked)
    except Missing:
        return None
    facts = ASSET_KINDS[kind]
    created = found.creation_context and found.creation_context.created_at
    properties = {
        facts.type_key: found.type,
        # Its address in the registry's storage is of no use to others.
        facts.uri_key: f"azureml://registries/{registry}/{facts.segment}/{name}/versions/{version}",
        "description": found.description,
        "tags": found.tags,
        "properties": found.properties,
        "stage": getattr(found, "stage", None),
    }
    when = {"createdAt": created.isoformat()} if created else {}
    return asset_record(kind, name, {"name": version, "properties": properties, "systemData": when})


def _checked(model: Asset, there: Asset, registry: str) -> Asset:
    if model.content_hash and there.content_hash == model.content_hash:
        return there
    raise EnvironmentRefused(
        f"registry {registry!r} has a model {model.name}:{model.version} already, which is not"
        " known to be the same; a registry's versions never change: register it here with"
        " --version, and promote that"
    )
