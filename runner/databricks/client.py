"""A client of a Databricks workspace's REST interface.

databricks-sdk is not used: its import takes longer than most commands. The tests hold what is
written and read here against the unmodified package.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from runner.azure.client import Client
from runner.azure.errors import ServiceError, refusal_of
from runner.databricks.ways_out import TOKEN_REFUSED, way_out
from runner.errors import EnvironmentRefused

if TYPE_CHECKING:
    from azure.core.rest import HttpRequest, HttpResponse

    from runner.azure.credentials import Credential
    from runner.databricks.outputs import Outputs

# The application of Databricks in Entra, the same in every cloud and tenant.
SCOPE = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d/.default"
# Headers that let an identity in that has a role on the workspace in Azure and is not known inside.
# https://learn.microsoft.com/azure/databricks/dev-tools/auth/aad-token-manual
_RESOURCE_ID = "X-Databricks-Azure-Workspace-Resource-Id"
_MANAGEMENT_TOKEN = "X-Databricks-Azure-SP-Management-Token"  # noqa: S105 - the header's name


class DatabricksClient(Client):
    """Sends requests below a workspace's `/api`: `client.get("2.1", "clusters", "list")`."""

    def __init__(
        self, outputs: Outputs, credential: Credential, resource_manager_scope: str
    ) -> None:
        self._outputs = outputs
        self._resource_manager_scope = resource_manager_scope
        self._introduced: bool | None = None  # None: nothing has asked for it yet
        super().__init__(f"{outputs.host}/api", credential, SCOPE)

    def listing(
        self, *path: str, key: str, params: Mapping[str, str] | None = None
    ) -> Iterator[Any]:
        """Yield every element of a listing; pages are fetched as they are needed."""
        asked = dict(params or {})
        while True:
            content = self.get(*path, params=asked)
            yield from content.get(key) or ()
            token = content.get("next_page_token")
            if not token:
                return
            asked["page_token"] = str(token)

    def _answer(self, request: HttpRequest, options: Mapping[str, Any]) -> HttpResponse:
        if self._introduced:
            self._introduce(request)
        answer = super()._answer(request, options)
        if answer.status_code not in (401, 403) or self._introduced is not None:
            return answer
        # Refused before anything was done: perhaps the workspace does not know the caller.
        try:
            self._introduce(request)
        except EnvironmentRefused:  # no token of Resource Manager is to be had
            self._introduced = False
            return answer
        second = self._again(request, options)
        self._introduced = second.status_code not in (401, 403)
        return second if self._introduced else answer

    def _introduce(self, request: HttpRequest) -> None:
        assert self._credential is not None
        token = self._credential.get_token(self._resource_manager_scope).token
        request.headers[_RESOURCE_ID] = self._outputs.resource_id
        request.headers[_MANAGEMENT_TOKEN] = token

    def _is_expired(self, answer: HttpResponse) -> bool:
        if answer.status_code in (400, 403):
            if answer.request.method == "HEAD":  # whose answer says nothing
                return answer.status_code == 403
            return TOKEN_REFUSED.search(answer.text()) is not None
        return super()._is_expired(answer)

    def _refusal(self, request: HttpRequest, answer: HttpResponse, doing: str) -> ServiceError:
        path = urlsplit(request.url).path.removeprefix("/api")
        status = answer.status_code

        def find(code: str, message: str) -> str | None:
            return way_out(self._outputs, request.method, path, status, code, message)

        return refusal_of("Databricks", status, answer.text(), doing, find)
