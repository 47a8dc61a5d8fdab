"""Models, data, code and environments: containers of versions."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

from tests.emulator import platform_kinds
from tests.emulator.cloud import Cloud
from tests.emulator.kinds import Change, Kind
from tests.emulator.messages import Refusal, Response, answer
from tests.emulator.ml import references
from tests.emulator.ml.datastores import ARTIFACTS, DEFAULT
from tests.emulator.ml.references import WORKSPACE, workspace_of
from tests.emulator.ml.refusals import ASSET_PATH_CHANGED, DATA_CHANGED, invalid, require_unchanged
from tests.emulator.resource_ids import ResourceId, parse
from tests.emulator.resources import system_data
from tests.emulator.routes import Call
from tests.emulator.state import Resource

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,29}")
_ANONYMOUS_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_PROVIDER = "/providers/Microsoft.MachineLearningServices"
_OF_JOB = re.compile(
    r"azureml://jobs/(?P<job>[^/]+)/outputs/(?P<output>[^/]+)/paths/(?P<path>.*)"
    r"|runs:/(?P<run>[^/]+)/(?P<artifact>.+)"
)


def _version_hook(
    segment: str,
    path: str | None,
    *fixed: str,
    first: Callable[[Change], None] | None = None,
    extra: Callable[[Change], None] | None = None,
) -> Callable[[Change], None]:
    """Make the check of a kind of version; `path` and `fixed` name what never changes."""

    def prepare(change: Change) -> None:
        _check_names(change)
        if first is not None:
            first(change)
        properties, old = change.properties, change.old
        if path and not properties.get(path):
            raise invalid(f"'properties.{path}' is required.", f"properties.{path}")
        if path and old and properties[path] != old.properties[path]:
            raise invalid(DATA_CHANGED if segment == "data" else ASSET_PATH_CHANGED)
        require_unchanged(old, properties, *fixed, "isAnonymous")
        _keep_properties(old, properties)
        properties.setdefault("isAnonymous", False)
        properties.setdefault("isArchived", False)
        properties.setdefault("tags", {})
        properties.setdefault("description", None)
        if extra is not None:
            extra(change)
        change.created.append(lambda: _put_container(change, segment))

    return prepare


def _check_names(change: Change) -> None:
    name = parse(change.id.parent).name
    version = change.id.name
    if not _NAME.fullmatch(name):
        raise invalid(
            f"'{name}' is no name of an asset: 1 to 255 letters, digits, dots, hyphens and"
            " underscores, beginning with a letter or a digit."
        )
    pattern = _ANONYMOUS_VERSION if change.properties.get("isAnonymous") else _VERSION
    if not pattern.fullmatch(version):
        raise invalid(f"'{version}' is no version: 1 to 30 letters, digits, dots, hyphens.")


def _keep_properties(old: Resource | None, properties: dict[str, Any]) -> None:
    """Properties of an asset can be added, but neither removed nor altered."""
    before = (old.properties.get("properties") or {}) if old else {}
    after = {**before, **(properties.get("properties") or {})}
    for name, value in before.items():
        if after[name] != value:
            raise invalid(f"The property '{name}' of the asset cannot be changed.", name)
    properties["properties"] = after


def _put_container(change: Change, segment: str) -> None:
    """Make the container of a first version."""
    cloud = change.cloud
    if cloud.state.get(change.id.parent) is not None:
        return
    container = parse(change.id.parent)
    properties: dict[str, Any] = {
        "description": None,
        "tags": {},
        "properties": {},
        "isArchived": False,
        "provisioningState": "Succeeded",
    }
    if segment == "data":
        properties["dataType"] = change.properties["dataType"]
    body = {
        "id": container.id,
        "name": container.name,
        "type": f"{WORKSPACE}/{segment}",
        "systemData": system_data(change.call),
        "properties": properties,
    }
    cloud.state.put(container.parent, container.type, body, {})


def _place_of_job(change: Change) -> None:
    """Keep the place that the address of what a job made means, and the job's name."""
    found = _OF_JOB.fullmatch(str(change.properties.get("modelUri") or ""))
    if found is None:
        return
    workspace, name = workspace_of(change.id), found["job"] or found["run"]
    job = change.cloud.state.get(f"{workspace}/jobs/{name}")
    if job is None:
        raise invalid(f"The job '{name}' was not found.", "properties.modelUri")
    output, path = found["output"] or "artifacts", found["path"] or found["artifact"] or ""
    told = (job.properties.get("outputs") or {}).get(output) or {}
    if output == "artifacts":
        root = f"azureml://datastores/{ARTIFACTS}/paths/ExperimentRun/dcid.{name}"
    else:
        root = told.get("uri") or f"azureml://datastores/{DEFAULT}/paths/azureml/{name}/{output}"
    long = root.replace("azureml:/", f"azureml:/{workspace.replace(_PROVIDER, '')}", 1)
    change.properties["modelUri"] = f"{long.rstrip('/')}/{path}".rstrip("/")
    change.properties["jobName"] = name


def _check_model(change: Change) -> None:
    if not change.id.name.isdecimal() or int(change.id.name) < 1:
        raise invalid(f"'{change.id.name}' is no version of a model: a positive integer is.")
    change.properties.setdefault("modelType", "custom_model")
    change.properties.setdefault("flavors", {})


def _check_data(change: Change) -> None:
    container = change.cloud.state.get(change.id.parent)
    if container and container.properties["dataType"] != change.properties["dataType"]:
        raise invalid(
            f"The data asset '{container.body['name']}' is of type"
            f" '{container.properties['dataType']}'; a version of type"
            f" '{change.properties['dataType']}' cannot be added.",
            "properties.dataType",
        )


def _check_environment(change: Change) -> None:
    properties = change.properties
    if bool(properties.get("image")) == bool(properties.get("build")):
        raise invalid("An environment has either 'image' or 'build'.", "properties.image")
    if properties.get("build") and properties.get("condaFile"):
        raise invalid("An environment with 'build' has no 'condaFile'.", "properties.condaFile")
    properties.setdefault("osType", "Linux")
    properties["environmentType"] = "UserCreated"


def _check_component(change: Change) -> None:
    spec = change.properties.get("componentSpec")
    if not isinstance(spec, dict) or not spec.get("type"):
        raise invalid("'properties.componentSpec' is required.", "properties.componentSpec")
    workspace = workspace_of(change.id)
    for segment, name in (("codes", "code"), ("environments", "environment")):
        reference = spec.get(name)
        if reference:
            target = f"properties.componentSpec.{name}"
            references.asset(change.cloud, workspace, reference, segment, target)


def _view_container(cloud: Cloud, container: Resource) -> dict[str, Any]:
    versions = [
        version
        for version in cloud.state.children(container.key)
        if not version.properties.get("isArchived")
    ]
    names = [version.body["name"] for version in cloud.state.children(container.key)]
    numbers = [int(name) for name in names if name.isdecimal()]
    properties = {
        **container.properties,
        "latestVersion": versions[-1].body["name"] if versions else None,
        "nextVersion": str(max(numbers, default=0) + 1),
    }
    return {**container.body, "properties": properties}


def _listing(cloud: Cloud, call: Call, resources: list[Resource]) -> list[Resource]:
    query = call.request.query
    shown = {"archivedonly": (True,), "all": (True, False)}.get(
        query.get("listViewType", "").lower(), (False,)
    )
    found = [
        resource
        for resource in resources
        if bool(resource.properties.get("isArchived")) in shown
        and not resource.properties.get("isAnonymous")
        and _has_tags(resource, query.get("tags"))
        and query.get("version") in (None, resource.body["name"])
    ]
    # Newest first, unless asked for otherwise.
    if query.get("$orderBy", "").lower() not in ("createdtime asc", "createdtime"):
        found.reverse()
    return found


def _code_listing(cloud: Cloud, call: Call, resources: list[Resource]) -> list[Resource]:
    wanted = call.request.query.get("hash")
    found = [
        resource
        for resource in resources
        if wanted in (None, (resource.properties.get("properties") or {}).get("hash_sha256"))
    ]
    return list(reversed(found))


def _has_tags(resource: Resource, wanted: str | None) -> bool:
    tags = resource.properties.get("tags") or {}
    for tag in (wanted or "").split(","):
        name, equals, value = tag.partition("=")
        if name and (name not in tags or (equals and tags[name] != value)):
            return False
    return True


def _start_upload(cloud: Cloud, call: Call, address: ResourceId) -> Response:
    """Give a container of its own that the content of a version can be uploaded to."""
    workspace = cloud.state.get(workspace_of(address))
    if workspace is None:
        raise Refusal(404, "ResourceNotFound", f"The workspace of '{address.id}' was not found.")
    account = cloud.state.get(workspace.properties["storageAccount"])
    if account is None:
        raise invalid("The workspace's storage account is gone.")
    name = account.body["name"]
    container = str(uuid.uuid4())
    platform_kinds.create_container(cloud, account, container)
    blob = f"{account.properties['primaryEndpoints']['blob']}{container}"
    return answer(
        200,
        {
            "pendingUploadId": str(uuid.uuid4()),
            "pendingUploadType": "TemporaryBlobReference",
            "blobReferenceForConsumption": {
                "blobUri": blob,
                "storageAccountArmId": account.body["id"],
                "credential": {"credentialType": "SAS", "sasUri": f"{blob}?{cloud.sas(name)}"},
            },
        },
    )


def _kinds(
    segment: str,
    model: str,
    prepare: Callable[[Change], None],
    listing: Callable[[Cloud, Call, list[Resource]], list[Resource]] = _listing,
    also: tuple[str, ...] = (),
) -> tuple[Kind, Kind]:
    container = Kind(
        f"{WORKSPACE}/{segment}",
        model=f"{model}Container",
        view=_view_container,
        listing=_listing,
        paged=True,
        etag=False,
    )
    version = Kind(
        f"{WORKSPACE}/{segment}/versions",
        model=f"{model}VersionBase" if model == "Data" else f"{model}Version",
        prepare=prepare,
        listing=listing,
        paged=True,
        etag=False,
        needs_parent=False,
        # The SDK looks for code of the same hash under a name that it has just made up.
        lists_nothing=segment == "codes",
        free_actions={"startpendingupload": _start_upload},
        also=also,
    )
    return container, version


KINDS: tuple[Kind, ...] = (
    *_kinds(
        "models",
        "Model",
        _version_hook("models", "modelUri", "modelType", first=_place_of_job, extra=_check_model),
    ),
    *_kinds(
        "data",
        "Data",
        _version_hook("data", "dataUri", "dataType", extra=_check_data),
        also=("autoDeleteSetting",),
    ),
    *_kinds("codes", "Code", _version_hook("codes", "codeUri"), _code_listing),
    *_kinds(
        "environments",
        "Environment",
        _version_hook(
            "environments", None, "image", "condaFile", "build", "osType", extra=_check_environment
        ),
    ),
    *_kinds(
        "components",
        "Component",
        _version_hook("components", None, "componentSpec", extra=_check_component),
    ),
)
