import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.names import Names

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
words = st.from_regex(r"[A-Za-z0-9_.-]{1,100}", fullmatch=True)
endpoints = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{1,30}[A-Za-z0-9]", fullmatch=True)

RULES = {
    "resource_group": r"[a-z][a-z0-9-]{0,88}[a-z0-9]|[a-z]",
    "storage_account": r"[a-z0-9]{3,24}",
    "registry": r"[a-zA-Z0-9]{5,50}",
    "vault": r"(?!.*--)[a-z][a-z0-9-]{1,22}[a-z0-9]",
    "workspace": r"[a-z0-9][a-z0-9-]{1,31}[a-z0-9]",
    "logs": r"[a-z0-9][a-z0-9-]{2,61}[a-z0-9]",
    "managed_group": r"[a-z][a-z0-9-]{0,88}[a-z0-9]",
    "access_connector": r"[a-z0-9][a-z0-9-]{1,62}[a-z0-9]",
    "catalog_storage": r"[a-z0-9][a-z0-9-]{0,253}[a-z0-9]",
    "insights": r"[a-z0-9][a-z0-9-]{0,258}[a-z0-9]",
}


@given(words, words)
def test_every_name_is_one_that_azure_takes(project: str, stack: str) -> None:
    names = Names(project, stack, SUBSCRIPTION)
    for kind, rule in RULES.items():
        assert re.fullmatch(rule, getattr(names, kind)), (kind, getattr(names, kind))
    assert re.fullmatch(r"[a-z][a-z0-9-]{2,127}", names.identity("endpoints"))


@given(words, words, endpoints)
def test_an_endpoint_keeps_the_beginning_of_its_logical_name(
    project: str, stack: str, logical: str
) -> None:
    name = Names(project, stack, SUBSCRIPTION).endpoint(logical)
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{1,30}[A-Za-z0-9]", name)
    assert name.startswith(logical[:20].rstrip("-"))


def test_names_are_the_same_on_every_machine_and_in_every_run() -> None:
    names = Names("scoring", "dev", SUBSCRIPTION)
    assert names.resource_group == "scoring-dev"
    assert names.storage_account == "scoringdev61951e"
    assert names.vault == names.workspace == "scoring-dev-61951e"
    assert names.endpoint("diabetes-batch") == "diabetes-batch-526e5b"


@pytest.mark.parametrize(
    "other",
    [
        Names("scoring", "prod", SUBSCRIPTION),
        Names("other", "dev", SUBSCRIPTION),
        Names("scoring", "dev", SUBSCRIPTION.replace("1", "0")),
        Names("scoring-dev", "dev", SUBSCRIPTION),
        Names("scor", "ing-dev", SUBSCRIPTION),
        Names("scoring", "dev", SUBSCRIPTION, "2"),
    ],
)
def test_another_project_stack_subscription_or_generation_has_other_names(other: Names) -> None:
    names = Names("scoring", "dev", SUBSCRIPTION)
    for kind in ("storage_account", "registry", "vault", "workspace"):
        assert getattr(names, kind) != getattr(other, kind)
    assert names.endpoint("e") != other.endpoint("e")


@pytest.mark.parametrize(
    ("first", "other"),
    [
        (("p" * 100, "dev"), ("p" * 100, "prod")),
        (("scoring", "dev_1"), ("scoring", "dev.1")),
        (("2-scoring", "dev"), ("scoring", "dev")),
    ],
    ids=["cut", "replaced", "left out"],
)
def test_stacks_in_one_subscription_have_each_a_resource_group(
    first: tuple[str, str], other: tuple[str, str]
) -> None:
    names = (Names(*first, SUBSCRIPTION), Names(*other, SUBSCRIPTION))
    assert names[0].resource_group != names[1].resource_group


def test_endpoints_that_are_cut_to_the_same_are_still_told_apart() -> None:
    names = Names("scoring", "dev", SUBSCRIPTION)
    long = "a-very-long-logical-name-of-"
    assert names.endpoint(long + "one") != names.endpoint(long + "two")


def test_the_letters_of_a_subscription_s_id_may_be_small_or_capital() -> None:
    small = Names("scoring", "dev", "aaaaaaaa-2222-3333-4444-555555555555")
    large = Names("scoring", "dev", "AAAAAAAA-2222-3333-4444-555555555555")
    assert small.vault == large.vault
