from __future__ import annotations

import pytest

from runner.azure.ways_out import way_out, way_out_if_unreachable


def test_a_code_has_a_way_out_of_its_own_before_its_status() -> None:
    assert "keys" in str(way_out(403, "KeyBasedAuthenticationNotPermitted", None))
    assert "role" in str(way_out(403, "AuthorizationFailed", None))


def test_a_code_goes_with_its_status_only() -> None:
    assert way_out(401, "AuthenticationFailed", None) == "sign in again with `az login`"


def test_a_403_names_the_role_that_is_needed() -> None:
    assert way_out(403, "", "A Role") == "who is signed in needs the role 'A Role'"


@pytest.mark.parametrize("status", [400, 404, 418])
def test_where_azures_own_words_have_to_do_there_is_none(status: int) -> None:
    assert way_out(status, "X", "A Role") is None


@pytest.mark.parametrize(
    ("code", "said", "told"),
    [
        (
            "AuthorizationFailure",
            "This request is not authorized to perform this operation.",
            "`az storage account network-rule add --account-name stdev --ip-address ADDRESS`",
        ),
        (
            "UserError",
            "Access to workspace was denied based on workspace private link configuration.",
            "behind a private link",
        ),
        (
            "Forbidden",
            "Client address is not authorized and caller is not a trusted service.\r\nClient"
            " address: 20.1.2.3\r\nCaller: appid=a;oid=o;iss=https://sts.windows.net/t/\r\n"
            "Vault: kv-dev;location=koreacentral (ForbiddenByFirewall)",
            "`az keyvault network-rule add --name kv-dev --ip-address 20.1.2.3`",
        ),
        (
            "Forbidden",
            "Public network access is disabled and request is not from a trusted service nor via an"
            " approved private link. (ForbiddenByConnection)",
            "the key vault's firewall",
        ),
        (
            "DENIED",
            "requested access to the resource is denied: client with IP '20.1.2.3' is not allowed"
            " access. Refer https://aka.ms/acr/firewall to grant access.",
            "`az acr network-rule add --name REGISTRY --ip-address 20.1.2.3`",
        ),
    ],
)
def test_a_network_that_keeps_a_machine_out_is_no_missing_role(
    code: str, said: str, told: str
) -> None:
    found = str(way_out(403, code, "A Role", said, "stdev.blob.core.windows.net"))
    assert told in found
    assert "A Role" not in found


@pytest.mark.parametrize(
    ("code", "said", "told"),
    [
        (
            "AuthorizationPermissionMismatch",
            "This request is not authorized to perform this operation using this permission.",
            "'A Role'",
        ),
        (
            "Forbidden",
            "Caller is not authorized to perform action on resource.\r\nIf role assignments were"
            " changed recently, please observe propagation time. (ForbiddenByRbac)",
            "'Key Vault Secrets User'",
        ),
    ],
)
def test_a_missing_role_is_no_matter_of_the_network(code: str, said: str, told: str) -> None:
    found = str(way_out(403, code, "A Role", said))
    assert told in found
    assert "network" not in found


def test_silence_of_a_kind_nobody_knows_is_the_networks() -> None:
    assert way_out_if_unreachable("Nothing came.") == "check the network and try again"
