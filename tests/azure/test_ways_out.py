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


def test_silence_of_a_kind_nobody_knows_is_the_networks() -> None:
    assert way_out_if_unreachable("Nothing came.") == "check the network and try again"
