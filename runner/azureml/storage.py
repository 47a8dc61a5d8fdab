"""The datastores of a workspace, and the containers of blobs behind them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from runner.azure.client import timeout
from runner.azure.errors import ServiceError, translated_errors
from runner.azure.ways_out import BLOB_CONTRIBUTOR, BLOB_READER
from runner.errors import EnvironmentRefused, WrongUsage

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

    from runner.azureml.connection import Connection

ARTIFACTS = "workspaceartifactstore"  # where jobs write their logs
_RETRIES: dict[str, Any] = {
    "retry_total": 6,
    "initial_backoff": 1,  # seconds; then more by the powers of two
    "increment_base": 2,
    "random_jitter_range": 1,  # seconds; so requests that were refused together don't return so
}
_BLOB_TYPES = ("AzureBlob", "AzureDataLakeGen2")
_LONG = re.compile(
    # Azure itself also writes `azureml:/subscriptions/...` and a resource's bare path.
    r"(?:azureml:/?)?/subscriptions/(?P<subscription>[^/]+)/resource[gG]roups/(?P<group>[^/]+)"
    r"/(?:providers/Microsoft\.MachineLearningServices/)?workspaces/(?P<workspace>[^/]+)"
    r"/datastores/(?P<datastore>[^/]+)/paths/(?P<path>.*)"
)
_SHORT = re.compile(r"azureml://datastores/(?P<datastore>[^/]+)/paths/(?P<path>.*)")
_ADDRESS = re.compile(r"(https?|wasbs?|abfss?|adl)://[^/]+/?.*", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """A blob, or a prefix of blobs, in a datastore."""

    datastore: str
    path: str  # without a slash at its start

    @property
    def short_uri(self) -> str:
        return f"azureml://datastores/{self.datastore}/paths/{self.path}"


def parse_place(uri: str) -> Place:
    """Return the place of an `azureml://` URI, short or long. Raises WrongUsage for other texts."""
    found = _LONG.fullmatch(uri) or _SHORT.fullmatch(uri)
    if found is None:
        raise WrongUsage(f"{uri!r} is not a datastore URI: azureml://datastores/NAME/paths/PATH")
    return Place(found["datastore"], found["path"].lstrip("/"))


def is_address(text: str) -> bool:
    """Tell whether a text is an address that Azure can read outside of the workspace."""
    return _ADDRESS.fullmatch(text) is not None


def storage_of(connection: Connection) -> Storage:
    """Return the datastores of a connection's workspace, of which there is one object each."""
    return connection.once(Storage)


def listing_errors(container: ContainerClient) -> AbstractContextManager[None]:
    """Return a context that raises ServiceError where listing a container's blobs fails in it."""
    host = container.primary_hostname
    return translated_errors(f"list {container.container_name} of {host}", host, BLOB_READER)


def writing_errors(container: ContainerClient) -> AbstractContextManager[None]:
    """Return a context that raises ServiceError where writing to a container fails in it."""
    host = container.primary_hostname
    what = f"write to {container.container_name} of {host}"
    return translated_errors(what, host, BLOB_CONTRIBUTOR)


def first_blob(container: ContainerClient, prefix: str) -> str | None:
    """Return the first name of a blob that begins with `prefix`. Raises ServiceError."""
    with listing_errors(container):
        names = container.list_blob_names(name_starts_with=prefix, results_per_page=1)
        return next(iter(names), None)


class Storage:
    """A workspace's datastores, and clients of the containers behind them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._containers: dict[str, ContainerClient] = {}

    @cached_property
    def default_name(self) -> str:
        """Return the name of the workspace's default datastore."""
        listed = self._connection.arm.pages("datastores", params={"isDefault": "true"})
        for datastore in listed:
            return str(datastore["name"])
        raise EnvironmentRefused(
            f"workspace {self._connection.outputs.workspace!r} has no default datastore"
        )

    def named(self, text: str) -> str:
        """Return the name of the datastore that a declaration's `datastore` refers to.

        Raises NotFound with the nearest name, and WrongUsage for one of another workspace.
        """
        if "/datastores/" in text:
            name = self.own_place(f"{text.rstrip('/')}/paths/").datastore
        else:
            name = text.removeprefix("azureml:")
        self.container(name)
        return name

    def own_place(self, uri: str) -> Place:
        """Return the place of an `azureml://` URI in this workspace.

        Raises WrongUsage for another text, and for a place of another workspace.
        """
        place, named = parse_place(uri), _LONG.fullmatch(uri)
        if named and not self._connection.is_own(
            named["subscription"], named["group"], named["workspace"]
        ):
            raise WrongUsage(
                f"{uri!r} is in another workspace than {self._connection.outputs.workspace!r}:"
                " give azureml://datastores/NAME/paths/PATH, or choose its environment"
            )
        return place

    def same_place(self, uri: str, other: str) -> bool:
        """Tell whether two addresses mean the same place, however they are written."""
        return self._known(uri) == self._known(other)

    def _known(self, uri: str) -> Place | str:
        try:
            place = self.own_place(uri)
        except WrongUsage:
            return uri
        return Place(place.datastore, place.path.strip("/"))

    def long_uri(self, place: Place) -> str:
        """Return the URI of a place that names the workspace of its datastore, too."""
        outputs = self._connection.outputs
        return (
            f"azureml://subscriptions/{outputs.subscription_id}/resourcegroups"
            f"/{outputs.resource_group}/workspaces/{outputs.workspace}"
            f"/datastores/{place.datastore}/paths/{place.path}"
        )

    def blob_url(self, place: Place) -> str:
        """Return the https address of a place, unsigned."""
        return f"{self.container(place.datastore).url}/{place.path}"

    def container(self, datastore: str) -> ContainerClient:
        """Return a client of the container behind a datastore, with the datastore's credential.

        Its calls raise azure-core's errors: make them inside `translated_errors`. Raises NotFound,
        EnvironmentRefused.
        """
        if datastore not in self._containers:
            self._containers[datastore] = self._open(datastore)
        return self._containers[datastore]

    def _open(self, datastore: str) -> ContainerClient:
        from azure.storage.blob import ContainerClient

        properties = self._properties(datastore)
        kind = properties.get("datastoreType")
        if kind not in _BLOB_TYPES:
            raise EnvironmentRefused(
                f"datastore {datastore!r} is of type {kind}, allowed: {', '.join(_BLOB_TYPES)}"
            )
        seconds = timeout()
        credential = self._credential(datastore, properties)
        return ContainerClient(
            self._connection.cloud.blob_url(properties["accountName"]),
            properties.get("containerName") or properties["filesystem"],
            credential=credential,
            raw_request_hook=getattr(credential, "unsign", None),
            connection_timeout=min(seconds, 20.0),
            read_timeout=seconds,
            **_RETRIES,
        )

    def _properties(self, datastore: str) -> Mapping[str, Any]:
        arm = self._connection.arm
        found = arm.find("datastores", datastore)
        if found is None:
            raise self._connection.missing(
                "datastore", datastore, lambda: [found["name"] for found in arm.pages("datastores")]
            )
        properties: Mapping[str, Any] = found["properties"]
        return properties

    def _credential(self, datastore: str, properties: Mapping[str, Any]) -> Any:
        """Return the datastore's signature or key; in identity mode, the command's credential."""
        if (properties.get("credentials") or {}).get("credentialsType") in (None, "None"):
            return self._connection.credential
        try:
            secrets = self._secrets(datastore)
        except ServiceError as error:
            if error.status != 403:
                raise
            # An account that may not read the secrets may have a role on the storage itself.
            return self._connection.credential
        if secrets.get("sasToken"):
            from runner.azureml.signature import RenewedSignature

            return RenewedSignature(
                secrets["sasToken"], lambda: str(self._secrets(datastore)["sasToken"])
            )
        return secrets.get("key") or self._connection.credential

    def _secrets(self, datastore: str) -> Mapping[str, Any]:
        # As the SDK does, ask for a signature that lasts an hour.
        wanted = {"expirableSecret": True, "expireAfterHours": 1}
        secrets: Mapping[str, Any] = self._connection.arm.ask(
            "datastores", datastore, "listSecrets", body=wanted
        )
        return secrets
