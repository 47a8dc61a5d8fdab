"""The data plane of a location's workspaces: where its parts are."""

from __future__ import annotations

from tests.emulator import addresses
from tests.emulator.cloud import Cloud
from tests.emulator.messages import Response, answer
from tests.emulator.routes import Call, Route, route


def discovery(cloud: Cloud, call: Call) -> Response:
    """Name the addresses of the services behind a workspace. Asks for no token, as Azure does."""
    base = addresses.workspace_api(call.arguments["location"])
    return answer(
        200,
        dict.fromkeys(("api", "catalog", "history", "mlflow", "pipelines", "rex"), base),
    )


ROUTES: tuple[Route, ...] = (
    route("GET", addresses.WORKSPACE_HOST, "/discovery", discovery),
    route("GET", addresses.WORKSPACE_HOST, "/discovery/{rest*}", discovery),
)
