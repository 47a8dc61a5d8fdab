from __future__ import annotations

import pytest

from runner.declarations.secret_references import (
    connections_of,
    is_reference,
    vaults_of,
    without_references,
)
from runner.errors import WrongUsage

CONNECTION = "${{azureml://connections/openai/credentials/key}}"
VAULT = "${{keyvault:https://kv-shared.vault.azure.net/secrets/token/0123}}"


def test_what_azure_reads_is_told_from_what_only_looks_like_it() -> None:
    assert is_reference(CONNECTION)
    assert is_reference(f" {VAULT}\n")
    assert not is_reference("${{inputs.data}}")
    assert not is_reference(f"Bearer {CONNECTION}")


def test_the_connections_and_the_vaults_are_known_by_name() -> None:
    variables = {"KEY": CONNECTION, "TOKEN": VAULT, "LEVEL": "1"}
    assert connections_of(variables) == {"openai"}
    assert vaults_of(variables) == {"kv-shared"}


def test_a_secret_that_the_machine_gives_is_left_to_it() -> None:
    variables = {"KEY": CONNECTION, "LEVEL": "1"}
    assert without_references(variables, {"KEY": "a-secret"}, "it") == {"LEVEL": "1"}


def test_a_secret_that_nobody_gives_is_named_with_the_way_to_give_it() -> None:
    with pytest.raises(WrongUsage) as refused:
        without_references({"KEY": CONNECTION}, {}, "deployment 'blue'")
    assert str(refused.value) == (
        f"deployment 'blue': KEY is a secret that Azure alone reads ({CONNECTION}): to run it here,"
        " set it first, with `export KEY=...`"
    )
