"""From a request to its response: find the route, check the token, call the handler."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace

from tests.emulator import addresses, people
from tests.emulator.cloud import Cloud
from tests.emulator.messages import Refusal, Request, Response
from tests.emulator.routes import Call, Route
from tests.emulator.tokens import Principal


class App:
    """The services of a cloud, without the network."""

    def __init__(self, cloud: Cloud, routes: Sequence[Route]) -> None:
        self.cloud = cloud
        self.routes = list(routes)
        self._itself = Principal(
            cloud.application.object_id, cloud.application.client, cloud.application.tenant
        )

    def answer(self, request: Request, *, trusted: bool = False) -> Response:
        """Answer a request. A trusted one needs no token."""
        try:
            response = self._handle(request, trusted)
        except Refusal as refusal:
            response = refusal.response()
        headers = {"x-ms-request-id": str(uuid.uuid4()), **response.headers}
        return replace(response, headers=headers)

    def _handle(self, request: Request, trusted: bool) -> Response:
        for route in self.routes:
            arguments = route.arguments(request)
            if arguments is None:
                continue
            principal = self._itself
            if route.audiences and not trusted:
                principal = self.cloud.tokens.check(request, route.audiences)
                if request.host == addresses.MANAGEMENT_HOST:
                    people.require_on_resources(self.cloud, request, principal)
            call = Call(request, arguments, principal)
            if not route.serial:
                return route.handler(self.cloud, call)
            with self.cloud.state.transaction():
                return route.handler(self.cloud, call)
        raise Refusal(404, "NotFound", f"Nothing answers {request.method} {request.url}.")
