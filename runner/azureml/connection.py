"""What the modules of this package ask Azure through."""

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
    """A client of each of Azure's interfaces to a workspace, and what the workspace is called.

    Each client is opened when it is first used.
    """

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
            self._explain,
        )

    @cached_property
    def scoring(self) -> Client:
        """What takes the tokens of Machine Learning itself, for whole addresses: batch scoring."""
        cloud = self.cloud
        return Client(self.api_url, self.credential, cloud.machine_learning_scope)

    @cached_property
    def endpoint_listing(self) -> Client:
        """The front end that lists an endpoint's jobs, below the workspace."""
        return Client(
            f"{self.api_url}/mferp/managementfrontend{self.outputs.resource_id}",
            self.credential,
            self.cloud.machine_learning_scope,
        )

    @cached_property
    def history(self) -> Client:
        """The run history of the workspace: `history.get("runs", name, "details")`."""
        cloud = self.cloud
        return Client(
            f"{self.api_url}/history/v1.0{self.outputs.resource_id}",
            self.credential,
            cloud.resource_manager_scope,
        )

    @cached_property
    def tracking(self) -> Client:
        """What MLflow asks of the workspace: `tracking.url("runs", "get")`."""
        return Client(
            f"{self.api_url}/mlflow/v1.0{self.outputs.resource_id}/api/2.0/mlflow",
            self.credential,
            self.cloud.resource_manager_scope,
        )

    @cached_property
    def datasets(self) -> Client:
        """What knows where the data lies that jobs wrote."""
        return Client(
            f"{self.api_url}/data/v1.0{self.outputs.resource_id}",
            self.credential,
            self.cloud.resource_manager_scope,
        )

    @cached_property
    def models(self) -> Client:
        """What knows where the models lie that jobs wrote."""
        return Client(
            f"{self.api_url}/modelregistry/v1.0{self.outputs.resource_id}",
            self.credential,
            self.cloud.resource_manager_scope,
        )

    @cached_property
    def api_url(self) -> str:
        """Where the workspace's own interfaces are.

        The tracking URI has the same host, which spares two requests.
        """
        if self.outputs.tracking_uri:
            return f"https://{urlsplit(self.outputs.tracking_uri).netloc}"
        found = fetch_json(self.workspace["properties"]["discoveryUrl"])
        return str(found["api"]).rstrip("/")

    @cached_property
    def workspace(self) -> dict[str, Any]:
        """The workspace as Resource Manager has it. Raises NotFound, with the nearest names."""
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
        """Whether a workspace is this one; Azure's names know no case."""
        own = self.outputs
        asked = (subscription.lower(), group.lower(), workspace.lower())
        names = (own.subscription_id, own.resource_group, own.workspace)
        return asked == tuple(name.lower() for name in names)

    def _explain(self, error: ServiceError) -> None:
        """Raise NotFound where it is the whole workspace that is missing, or what it lies in."""
        if isinstance(error, Missing) and error.code in _NO_WORKSPACE:
            _ = self.workspace

    def _siblings(self) -> list[str]:
        """The workspaces of the resource group, as far as they can be seen."""
        group, _, _ = self.arm.base_url.rpartition("/workspaces/")
        client = Client(group, self.credential, self.cloud.resource_manager_scope, API_VERSION)
        try:
            return [str(found["name"]) for found in client.pages("workspaces")]
        except EnvironmentRefused:
            return []
