"""Requests to a workspace: identity, listings page by page, and the words of refusals."""

from __future__ import annotations

import pytest

from runner.azure.errors import Missing, ServiceError
from runner.databricks.connection import Connection
from tests.databricks.conftest import outputs_of_lake
from tests.emulator import addresses
from tests.emulator.databricks.seed import SeededLake
from tests.emulator.databricks.sign_in import USERS
from tests.emulator.faults import Answer, Drop, ExpireTokens, throttled, unavailable

CATALOG = ("2.1", "unity-catalog", "catalogs", "lake")


def test_a_listing_is_read_page_after_page(lake: SeededLake, connection: Connection) -> None:
    for number in range(5):
        lake.put_file(f"a/{number}.csv", b"")
    lake.databricks.switches.page_size = 2
    path = ("2.0", "fs", "directories", *lake.volume.strip("/").split("/"), "a")
    found = [entry["name"] for entry in connection.api.listing(*path, key="contents")]
    assert found == ["0.csv", "1.csv", "2.csv", "3.csv", "4.csv"]


@pytest.mark.parametrize("fault", [throttled(), unavailable(), Drop("before"), Drop("after")])
def test_a_request_is_repeated_until_it_is_answered(
    lake: SeededLake, connection: Connection, fault: Answer | Drop
) -> None:
    lake.emulator.faults.inject(fault, path="*/catalogs/lake", times=2)
    assert connection.api.get(*CATALOG)["name"] == "lake"


def test_what_is_refused_for_now_is_asked_again_whatever_it_is(
    lake: SeededLake, connection: Connection
) -> None:
    # Databricks names no seconds with each: https://github.com/databricks/databricks-sdk-py/pull/391
    busy = Answer(429, "REQUEST_LIMIT_EXCEEDED", "Workspace exceeded the concurrent limit.")
    lake.emulator.faults.inject(busy, path="*/workspace/mkdirs", times=1)
    connection.api.post("2.0", "workspace", "mkdirs", body={"path": "/Shared/busy"})
    path = ("2.0", "workspace", "get-status")
    assert connection.api.get(*path, params={"path": "/Shared/busy"})["object_id"]


def test_an_expired_token_is_renewed_once(lake: SeededLake, connection: Connection) -> None:
    connection.api.get(*CATALOG)
    lake.emulator.faults.inject(ExpireTokens(), path="*/catalogs/lake")
    assert connection.api.get(*CATALOG)["name"] == "lake"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(400, "400", "io.jsonwebtoken.ExpiredJwtException: JWT expired"),
        Answer(401, "401", "Token is expired."),
        Answer(403, "403", "Invalid access token."),
        Answer(403, "403", "JWT has expired"),
        Answer(403, "403", "Token is expiring within 30 seconds. (token expired)"),
    ],
)
def test_a_token_is_renewed_by_whatever_status_its_end_is_told(
    lake: SeededLake, connection: Connection, answer: Answer
) -> None:
    lake.emulator.faults.inject(answer, path="*/catalogs/lake")
    assert connection.api.get(*CATALOG)["name"] == "lake"


def test_a_token_that_stays_refused_says_to_sign_in(
    lake: SeededLake, connection: Connection
) -> None:
    lake.emulator.faults.inject(
        Answer(401, "401", "Token is expired."), path="*/catalogs/lake", times=9
    )
    with pytest.raises(ServiceError, match=r"401, 401: Token is expired.*`az login`"):
        connection.api.get(*CATALOG)


def test_who_is_not_yet_in_the_workspace_introduces_itself(lake: SeededLake) -> None:
    store = lake.databricks.store(lake.workspace_id)
    for user in store.all(USERS):
        store.delete(USERS, user["object_id"])
    stranger = Connection(outputs_of_lake(lake))
    assert stranger.api.get("2.0", "preview", "scim", "v2", "Me")["active"]


def test_who_is_known_asks_once_and_needs_no_token_of_resource_manager(lake: SeededLake) -> None:
    known = Connection(outputs_of_lake(lake))
    lake.emulator.requests.clear()
    known.api.get("2.0", "preview", "scim", "v2", "Me")
    asked = [request for request in lake.emulator.requests if "/oauth2/" in request.path]
    assert len(asked) == 1
    assert len([request for request in lake.emulator.requests if "/scim/" in request.path]) == 1


def test_a_stranger_without_a_role_is_told_what_it_lacks(lake: SeededLake) -> None:
    lake.emulator.faults.inject(
        Answer(403, "403", "User not authorized."), path="*/scim/v2/Me", times=9
    )
    with pytest.raises(ServiceError, match="has to be a user of the workspace"):
        Connection(outputs_of_lake(lake)).api.get("2.0", "preview", "scim", "v2", "Me")


def test_a_refusal_is_told_in_databricks_words(connection: Connection) -> None:
    with pytest.raises(
        Missing, match=r"Databricks refused to GET /api/2.1/unity-catalog/catalogs/lke \(404, "
    ):
        connection.api.get(*CATALOG[:-1], "lke")


def test_no_secret_is_told(lake: SeededLake, connection: Connection) -> None:
    token = lake.emulator.cloud.tokens.issue(addresses.MANAGEMENT)
    lake.emulator.faults.inject(
        Answer(400, "BAD_REQUEST", f"Authorization: Bearer {token}"), path="*/catalogs/lake"
    )
    with pytest.raises(ServiceError) as refused:
        connection.api.get(*CATALOG)
    assert token not in str(refused.value)
