"""An endpoint's routing is set again whenever something changes that the endpoint is put with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from infra.endpoints.endpoint import routing_triggers
from infra.network.isolation import Network
from infra.settings import Settings
from runner.declarations import BatchEndpoint, Catalog, Identity, OnlineEndpoint, read_catalog
from tests.infra.declaring import batch_endpoint, online_endpoint
from tests.infra.mocks import SUBSCRIPTION

MINE = Identity(type="user_assigned", user_assigned_identities=({"resource_id": "/mine"},))
ANYWHERE: dict[str, Any] = {
    "auth_mode": "other",
    "identity": MINE,
    "properties": {"a": "b"},
    "tags": {"a": "b"},
}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    folder = tmp_path_factory.mktemp("endpoints") / "models" / "m"
    folder.mkdir(parents=True)
    (folder / "batch.yml").write_text(batch_endpoint())
    (folder / "online.yml").write_text(online_endpoint())
    return read_catalog(folder.parent)


@pytest.fixture(scope="module")
def settings(catalog: Catalog) -> Settings:
    return Settings(
        project="scoring",
        stack="dev",
        subscription_id=SUBSCRIPTION,
        location="koreacentral",
        cloud="AzureCloud",
        production=False,
        commit="0" * 40,
        catalog=catalog,
        network=Network(),
        clusters={},
    )


@pytest.mark.parametrize("key", [*ANYWHERE, "description"])
def test_a_batch_endpoint_is_routed_anew_with_all_that_it_is_put_with(
    key: str, catalog: Catalog, settings: Settings
) -> None:
    declared: BatchEndpoint = catalog.batch_endpoints["nightly"]
    other = replace(declared, **{key: ANYWHERE.get(key, "Said")})
    assert routing_triggers(other, settings) != routing_triggers(declared, settings)


@pytest.mark.parametrize("key", [*ANYWHERE, "public_network_access"])
def test_an_online_endpoint_is_routed_anew_with_all_that_it_is_put_with(
    key: str, catalog: Catalog, settings: Settings
) -> None:
    declared: OnlineEndpoint = catalog.online_endpoints["live"]
    other = replace(declared, **{key: ANYWHERE.get(key, "disabled")})
    assert routing_triggers(other, settings) != routing_triggers(declared, settings)


def test_another_network_routes_anew_and_another_commit_does_not(
    catalog: Catalog, settings: Settings
) -> None:
    live = catalog.online_endpoints["live"]
    before = routing_triggers(live, settings)
    closed = replace(settings, network=Network("managed"))
    assert routing_triggers(live, closed) != before
    assert routing_triggers(live, replace(settings, commit="1" * 40)) == before


def test_an_online_endpoint_keeps_its_description_so_another_one_routes_nothing(
    catalog: Catalog, settings: Settings
) -> None:
    live = catalog.online_endpoints["live"]
    described = replace(live, description="Said")
    assert routing_triggers(described, settings) == routing_triggers(live, settings)
