"""The behaviour that batch and online endpoints and their deployments share."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from tests.emulator import addresses
from tests.emulator.cloud import Cloud
from tests.emulator.kinds import Change
from tests.emulator.ml import references
from tests.emulator.ml.references import WORKSPACE, workspace_of
from tests.emulator.ml.refusals import invalid, refused_by_inference
from tests.emulator.state import Resource

BATCH = f"{WORKSPACE}/batchEndpoints"
ONLINE = f"{WORKSPACE}/onlineEndpoints"

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,30}[A-Za-z0-9]")
_LAST_OPERATION = "AzureAsyncOperationUri"


def check_name(change: Change, what: str) -> None:
    """Check the name of an endpoint or a deployment."""
    if not _NAME.fullmatch(change.id.name):
        raise invalid(
            f"The {what} name '{change.id.name}' is not valid. It must have 3 to 32 characters,"
            " begin with a letter, have only letters, digits and hyphens, and end with a letter or"
            " a digit.",
            "name",
        )


def check_endpoint(change: Change) -> None:
    """Check what every endpoint needs, and give it its address."""
    check_name(change, "endpoint")
    tags = change.body.get("tags")
    empty = [name for name, value in (tags or {}).items() if not value]
    if empty:
        raise _invalid_tags(f"Tags.Values[{empty[0]}]", "Tag values must not be null or empty.")
    _require_unique(change)
    change.body.setdefault("tags", {})
    change.properties.setdefault("properties", {})
    change.properties.setdefault("description", None)
    # A key that the client brings is kept, but never shown.
    keys = change.properties.pop("keys", None)
    if keys:
        change.secrets.update(keys)


def require_kept(change: Change) -> None:
    """Refuse to change what an online endpoint keeps from its creation."""
    old, body = change.old, change.body
    if old is None:
        return
    # The SDK adds names of its own to those that it read.
    given, known = change.properties.get("properties") or {}, old.properties.get("properties") or {}
    for name in (known.keys() & given.keys()) - {_LAST_OPERATION}:
        if known[name] != given[name]:
            raise _kept(f"properties.{name}", given[name], known[name])
    described = change.properties.get("description")
    if described is not None and described != old.properties.get("description"):
        raise _kept("description", described, old.properties.get("description"))
    before, now = _identity(old.body), _identity(body)
    if body.get("identity") is None:
        body["identity"] = old.body.get("identity")
    elif now != before:
        raise _kept("identity", now, before)


def _identity(body: Mapping[str, Any]) -> dict[str, Any]:
    identity = body.get("identity") or {}
    return {
        "type": identity.get("type", "None"),
        "userAssignedIdentities": sorted(identity.get("userAssignedIdentities") or {}),
    }


def _kept(name: str, given: Any, before: Any) -> Exception:
    return invalid(
        "An endpoint with this name already exists. If you are trying to create a new endpoint, use"
        " a different name. If you are trying to update an existing endpoint, the existing"
        f" endpoint's {name} cannot be changed: it is {before}, and {given} was requested.",
        f"properties.{name}",
    )


def add_last_operation(change: Change) -> None:
    """Say beside the user's own properties where the operation that begins now is polled.

    As `az ml online-endpoint show` and `online-deployment show` print it: another address after
    each change, whoever makes it.
    """
    place = (
        f"/subscriptions/{change.cloud.subscription}/providers/Microsoft.MachineLearningServices"
        f"/locations/{change.body['location']}/mfeOperationsStatus"
    )
    polled = f"{addresses.MANAGEMENT}{place}/oeidp:{uuid.uuid4()}:{uuid.uuid4()}"
    given = change.properties.get("properties") or {}
    change.properties["properties"] = {**given, _LAST_OPERATION: polled}


def require_tags(change: Change) -> None:
    """Refuse a request without a map of tags, even an empty one."""
    if change.body.get("tags") is None:
        raise _invalid_tags("Tags", "'Tags' must not be empty.")


def address(change: Change, path: str) -> str:
    """Give the address that an endpoint answers at."""
    return addresses.inference(change.id.name, change.body["location"]) + path


def deployment_names(cloud: Cloud, endpoint: Resource | str) -> set[str]:
    """Give the names of an endpoint's deployments, in lower case, without those that are going."""
    key = endpoint if isinstance(endpoint, str) else endpoint.key
    return {
        deployment.body["name"].lower()
        for deployment in cloud.state.children(key)
        if deployment.properties.get("provisioningState") != "Deleting"
    }


def check_deployment(change: Change) -> Resource | None:
    """Check what every deployment refers to; gives its model, unless that lies in a registry."""
    check_name(change, "deployment")
    cloud, properties = change.cloud, change.properties
    endpoint = change.parent()
    if endpoint.properties.get("provisioningState") not in ("Succeeded", "Updating"):
        raise refused_by_inference(
            "This endpoint has not been created successfully or is in deleting provisioning state."
            " Please recreate endpoint and then try again to create deployment."
        )
    workspace = workspace_of(change.id)
    given = properties.get("model")
    reference = given.get("assetId") if isinstance(given, dict) else given
    model = None
    if reference:
        model = references.asset(cloud, workspace, reference, "models", "properties.model")
    environment = properties.get("environmentId")
    if environment:
        references.asset(cloud, workspace, environment, "environments", "properties.environmentId")
    code = properties.get("codeConfiguration")
    if code:
        if not code.get("codeId"):
            raise invalid("'properties.codeConfiguration.codeId' is required.", "codeId")
        references.asset(
            cloud, workspace, code["codeId"], "codes", "properties.codeConfiguration.codeId"
        )
        if not environment:
            raise invalid("A deployment with a scoring script needs 'environmentId'.")
    _check_driver(properties, reference, model)
    properties.setdefault("properties", {})
    properties.setdefault("environmentVariables", {})
    properties.setdefault("description", None)
    change.body.setdefault("tags", {})
    return model


def _check_driver(
    properties: dict[str, Any], reference: str | None, model: Resource | None
) -> None:
    """Only an MLflow model needs no script: what runs it is made from the model."""
    if properties.get("codeConfiguration") or not reference or model is None:
        return
    if model.properties.get("modelType") != "mlflow_model" and not properties.get("environmentId"):
        raise invalid(
            f"The model '{reference}' is of type '{model.properties.get('modelType')}': its"
            " deployment needs 'codeConfiguration' and 'environmentId'.",
            "properties.codeConfiguration",
        )


def _require_unique(change: Change) -> None:
    """Refuse a name that another endpoint of the location has: it is a host name."""
    for kind in (BATCH, ONLINE):
        for other in change.cloud.state.of_type(kind):
            same = other.body["name"].lower() == change.id.name.lower()
            if (
                same
                and other.key != change.id.id.lower()
                and other.body["location"] == change.body.get("location")
            ):
                raise refused_by_inference(
                    "There is already an endpoint with this name, Endpoint name needs to be unique"
                    " within a region"
                )


def _invalid_tags(name: str, message: str) -> Exception:
    return invalid(
        "The Endpoint request provided has the following validation errors. Please resolve them"
        f' and try again. Errors: [{{"PropertyName": "{name}", "ErrorMessage": "{message}"}}]',
        "tags",
    )
