"""The blobs behind a workspace's datastores."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from runner.azure.client import timeout
from runner.azure.errors import Missing, ServiceError
from runner.errors import EnvironmentRefused, WrongUsage

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

    from runner.azureml.connection import Connection

ARTIFACTS = "workspaceartifactstore"  # where jobs write their logs
_RETRIES: dict[str, Any] = {
    "retry_total": 6,
    "initial_backoff": 1,  # seconds; then more by the powers of two
    "increment_base": 2,
    "random_jitter_range": 1,  # seconds; what was refused at once is not sent again at once
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
    """The place an `azureml://` URI names, short or long. Raises WrongUsage for another text."""
    found = _LONG.fullmatch(uri) or _SHORT.fullmatch(uri)
    if found is None:
        raise WrongUsage(f"{uri!r} is not a datastore URI: azureml://datastores/NAME/paths/PATH")
    return Place(found["datastore"], found["path"].lstrip("/"))


def is_address(text: str) -> bool:
    """Whether a text is an address that Azure reads by itself, in no datastore of a workspace."""
    return _ADDRESS.fullmatch(text) is not None


def storage_of(connection: Connection) -> Storage:
    """The blobs behind the datastores of a connection's workspace."""
    return connection.once(Storage)


class Storage:
    """A workspace's datastores, and clients of the containers behind them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._containers: dict[str, ContainerClient] = {}

    @cached_property
    def default_name(self) -> str:
        """The name of the workspace's default datastore."""
        listed = self._connection.arm.pages("datastores", params={"isDefault": "true"})
        for one in listed:
            return str(one["name"])
        raise EnvironmentRefused(
            f"workspace {self._connection.outputs.workspace!r} has no default datastore"
        )

    def named(self, text: str) -> str:
        """The name of the datastore that a declaration's `datastore` means.

        Raises NotFound with the nearest name, and WrongUsage for one of another workspace.
        """
        if "/datastores/" in text:
            name = self.own_place(f"{text.rstrip('/')}/paths/").datastore
        else:
            name = text.removeprefix("azureml:")
        self.container(name)
        return name

    def own_place(self, uri: str) -> Place:
        """The place an `azureml://` URI names in this workspace.

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
        """Whether two addresses mean one place, however they are written."""
        return self._known(uri) == self._known(other)

    def _known(self, uri: str) -> Place | str:
        try:
            place = self.own_place(uri)
        except WrongUsage:
            return uri
        return Place(place.datastore, place.path.strip("/"))

    def long_uri(self, place: Place) -> str:
        """The URI of a place that says which workspace's datastore is meant."""
        outputs = self._connection.outputs
        return (
            f"azureml://subscriptions/{outputs.subscription_id}/resourcegroups"
            f"/{outputs.resource_group}/workspaces/{outputs.workspace}"
            f"/datastores/{place.datastore}/paths/{place.path}"
        )

    def blob_url(self, place: Place) -> str:
        """The https address of a place, unsigned."""
        return f"{self.container(place.datastore).url}/{place.path}"

    def container(self, datastore: str) -> ContainerClient:
        """A client of the container behind a datastore, signed in as the datastore has it.

        Errors of its calls are azure-core's: wrap them in `errors.explained`, with a role of
        `ways_out`. Raises NotFound, EnvironmentRefused.
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
        try:
            found: Mapping[str, Any] = arm.get("datastores", datastore)["properties"]
        except Missing:
            raise self._connection.missing(
                "datastore", datastore, lambda: [one["name"] for one in arm.pages("datastores")]
            ) from None
        return found

    def _credential(self, datastore: str, properties: Mapping[str, Any]) -> Any:
        """The datastore's own signature or key; in identity mode, who is signed in."""
        if (properties.get("credentials") or {}).get("credentialsType") in (None, "None"):
            return self._connection.credential
        try:
            secrets = self._secrets(datastore)
        except ServiceError as error:
            if error.status != 403:
                raise
            # Whoever may not see the workspace's secrets may have a role on the storage itself.
            return self._connection.credential
        if secrets.get("sasToken"):
            from runner.azureml.signature import RenewedSignature

            return RenewedSignature(
                secrets["sasToken"], lambda: str(self._secrets(datastore)["sasToken"])
            )
        return secrets.get("key") or self._connection.credential

    def _secrets(self, datastore: str) -> Mapping[str, Any]:
        # What is asked for is what the SDK asks for: a signature that lasts an hour.
        wanted = {"expirableSecret": True, "expireAfterHours": 1}
        secrets: Mapping[str, Any] = self._connection.arm.ask(
            "datastores", datastore, "listSecrets", body=wanted
        )
        return secrets
