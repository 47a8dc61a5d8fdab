"""The connection to a workspace, through which the modules of this package send requests."""

from __future__ import annotations

from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from runner.azure.client import API_VERSION, Client, fetch_json
from runner.azure.errors import Missing, ServiceError
from runner.azure.session import Session
from runner.azureml.outputs import Outputs
from runner.errors import EnvironmentRefused, NotFound
from runner.nearest import nearest

# Resource Manager's own codes; Machine Learning has others for what a workspace lacks.
_NO_WORKSPACE = (
    "ParentResourceNotFound",
    "ResourceGroupNotFound",
    "ResourceNotFound",
    "SubscriptionNotFound",
)


class Connection(Session):
    """A client of each of Azure's interfaces to a workspace, opened when it is first used."""

    def __init__(self, outputs: Outputs) -> None:
        endpoints = outputs.endpoints or {}
        names = {name: known.name for name, known in endpoints.items()}
        super().__init__(outputs.cloud, outputs.subscription_id, names)
        self.outputs = outputs

    @cached_property
    def arm(self) -> Client:
        """Resource Manager, below the workspace: `arm.get("jobs", name)`."""
        cloud = self.cloud
        return Client(
            cloud.resource_manager + self.outputs.resource_id,
            self.credential,
            cloud.resource_manager_scope,
            API_VERSION,
            self._refuse_missing_workspace,
        )

    @cached_property
    def scoring(self) -> Client:
        """Return the batch endpoints, which are called by their whole addresses."""
        return Client(self.api_url, self.credential, self.cloud.machine_learning_scope)

    @cached_property
    def endpoint_listing(self) -> Client:
        """Return the front end that lists an endpoint's jobs, below the workspace."""
        address = f"{self.api_url}/mferp/managementfrontend{self.outputs.resource_id}"
        return Client(address, self.credential, self.cloud.machine_learning_scope)

    @cached_property
    def history(self) -> Client:
        """Return the run history of the workspace: `history.get("runs", name, "details")`."""
        return self._service("history")

    @cached_property
    def tracking(self) -> Client:
        """Return the MLflow interface of the workspace: `tracking.url("runs", "get")`."""
        return self._service("mlflow", "/api/2.0/mlflow")

    @cached_property
    def datasets(self) -> Client:
        """Return the service that knows the places of data that jobs wrote."""
        return self._service("data")

    @cached_property
    def models(self) -> Client:
        """Return the service that knows the places of models that jobs wrote."""
        return self._service("modelregistry")

    def _service(self, name: str, path: str = "") -> Client:
        address = f"{self.api_url}/{name}/v1.0{self.outputs.resource_id}{path}"
        return Client(address, self.credential, self.cloud.resource_manager_scope)

    @cached_property
    def api_url(self) -> str:
        """Return the address of the workspace's own interfaces.

        The tracking URI has the same host, which spares two requests.
        """
        if self.outputs.tracking_uri:
            return f"https://{urlsplit(self.outputs.tracking_uri).netloc}"
        found = fetch_json(self.workspace["properties"]["discoveryUrl"])
        return str(found["api"]).rstrip("/")

    @cached_property
    def workspace(self) -> dict[str, Any]:
        """Return the workspace as Resource Manager has it.

        Raises NotFound, with the nearest names.
        """
        outputs = self.outputs
        found: dict[str, Any] | None = self.arm.find()
        if found is None:
            raise NotFound(
                f"no workspace {outputs.workspace!r} in resource group {outputs.resource_group!r}"
                f" of subscription {outputs.subscription_id}, which {outputs.source}"
                f" names{nearest(outputs.workspace, self._siblings())}"
            )
        return found

    def is_own(self, subscription: str, group: str, workspace: str) -> bool:
        """Tell whether a workspace is this one; the case of Azure's names does not matter."""
        own = self.outputs
        asked = (subscription.lower(), group.lower(), workspace.lower())
        names = (own.subscription_id, own.resource_group, own.workspace)
        return asked == tuple(name.lower() for name in names)

    def _refuse_missing_workspace(self, error: ServiceError) -> None:
        """Raise NotFound where the workspace, its group or its subscription is missing."""
        if isinstance(error, Missing) and error.code in _NO_WORKSPACE:
            _ = self.workspace

    def _siblings(self) -> list[str]:
        """Return the names of the group's workspaces; none where they can't be listed."""
        group, _, _ = self.arm.base_url.rpartition("/workspaces/")
        client = Client(group, self.credential, self.cloud.resource_manager_scope, API_VERSION)
        try:
            return [str(found["name"]) for found in client.pages("workspaces")]
        except EnvironmentRefused:
            return []
