from __future__ import annotations

import pytest

from runner.databricks.outputs import Outputs, outputs_of
from runner.databricks.ways_out import way_out
from runner.stacks.output import check_output
from tests.databricks.test_outputs import OUTPUT


@pytest.fixture
def outputs() -> Outputs:
    return outputs_of(check_output(OUTPUT, "stack lake"))


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("GET", "/2.0/fs/directories/Volumes/c/s/v/data", "GRANT READ VOLUME ON VOLUME c.s.v "),
        (
            "PUT",
            "/2.0/fs/files/Volumes/c/s/v/a.csv",
            "GRANT READ VOLUME, WRITE VOLUME ON VOLUME c.s.v ",
        ),
        ("GET", "/2.0/fs/files/Models/c/s/m/1/MLmodel", "GRANT EXECUTE ON FUNCTION c.s.m "),
        ("GET", "/2.1/unity-catalog/models/c.s.m/versions", "GRANT EXECUTE ON FUNCTION c.s.m "),
        ("DELETE", "/2.1/unity-catalog/models/c.s.m/versions/1", "GRANT MANAGE ON FUNCTION c.s.m "),
        ("POST", "/2.1/unity-catalog/models", "GRANT CREATE MODEL ON SCHEMA lake.scoring "),
        (
            "POST",
            "/2.0/mlflow/unity-catalog/model-versions/create",
            "GRANT EXECUTE, MANAGE ON SCHEMA lake.scoring ",
        ),
        ("GET", "/2.1/unity-catalog/catalogs/lake", "GRANT USE CATALOG ON CATALOG lake "),
        ("POST", "/2.2/jobs/run-now", "Can Manage Run on the job"),
        ("GET", "/2.0/serving-endpoints/x", "Can View on the serving endpoint"),
        ("POST", "/serving-endpoints/x/invocations", "Can Query on the serving endpoint"),
        ("GET", "/2.0/preview/scim/v2/Me", "has to be a user of the workspace"),
    ],
)
def test_a_right_that_lacks_is_named_with_what_gives_it(
    outputs: Outputs, method: str, path: str, said: str
) -> None:
    found = way_out(outputs, method, path, 403, "PERMISSION_DENIED", "no")
    assert found is not None
    assert said in found


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (401, "", "`az login`"),
        (409, "RESOURCE_CONFLICT", "something else is changing it"),
        (429, "REQUEST_LIMIT_EXCEEDED", "try again in a minute"),
        (400, "QUOTA_EXCEEDED", "a quota is used up"),
        (404, "METASTORE_DOES_NOT_EXIST", "assigns a metastore"),
        (404, "CATALOG_DOES_NOT_EXIST", "run `pulumi up --stack lake`, or correct"),
        (503, "TEMPORARILY_UNAVAILABLE", "Databricks' own trouble"),
    ],
)
def test_other_refusals_have_a_way_out_too(
    outputs: Outputs, status: int, code: str, said: str
) -> None:
    assert said in str(way_out(outputs, "GET", "/2.2/jobs/list", status, code, ""))


def test_a_token_that_is_refused_asks_for_no_right(outputs: Outputs) -> None:
    path = "/2.0/fs/files/Volumes/c/s/v/a.csv"
    assert "`az login`" in str(way_out(outputs, "PUT", path, 403, "403", "Invalid access token."))


def test_a_workspace_that_takes_some_addresses_only_says_so(outputs: Outputs) -> None:
    said = "Source IP address: 1.2.3.4 is blocked by Databricks IP access list"
    found = way_out(outputs, "GET", "/2.2/jobs/list", 403, "PERMISSION_DENIED", said)
    assert found is not None
    assert "inside its network" in found


def test_where_databricks_own_words_do_nothing_is_added(outputs: Outputs) -> None:
    assert way_out(outputs, "GET", "/2.2/jobs/list", 400, "INVALID_PARAMETER_VALUE", "") is None


def test_a_token_of_another_tenant_names_the_workspace_s_own(outputs: Outputs) -> None:
    tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47"
    message = (
        "io.jsonwebtoken.IncorrectClaimException: Expected iss claim to be:"
        f" https://sts.windows.net/{tenant}/, but was: https://sts.windows.net/other/."
    )
    found = way_out(outputs, "GET", "/2.1/clusters/list", 400, "", message)
    assert found == f"sign in to the workspace's own tenant with `az login --tenant {tenant}`"


@pytest.mark.parametrize(
    "message",
    [
        "Token is expired.",
        "JWT has expired",
        "Token is expiring within 30 seconds. (token expired)",
    ],
)
def test_a_token_that_ended_says_to_sign_in_again(outputs: Outputs, message: str) -> None:
    found = way_out(outputs, "GET", "/2.1/clusters/list", 403, "403", message)
    assert found == "sign in again with `az login`"
