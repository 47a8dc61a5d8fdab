"""Which variables look like secrets."""

from __future__ import annotations

import pytest

from runner.declarations.secret_variables import in_clear

LONG = "a1B2" * 8


@pytest.mark.parametrize(
    "name",
    [
        *("API_KEY", "OPENAI_API_KEY", "openai_apikey", "searchApiKey", "AZURE_CLIENT_SECRET"),
        *("DB_PASSWORD", "STORAGE_CONNECTION_STRING", "AZURE_STORAGE_KEY", "BLOB_SAS", "HF_TOKEN"),
        *("GITHUB_PAT", "CONN_STR", "PRIVATE_KEY", "Password"),
    ],
)
def test_a_name_that_says_so(name: str) -> None:
    assert in_clear({name: LONG}) == [name]


@pytest.mark.parametrize(
    "value",
    [
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=abc==;EndpointSuffix=core",
        "Server=tcp:s;Database=d;User ID=u;Password=p",
        "https://a.blob.core.windows.net/c?sv=2024-01-01&sp=r&sig=abc%3D",
        "postgresql://user:word@host:5432/db",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "-----BEGIN RSA PRIVATE KEY-----",
        "sk-" + LONG,
        "sk-proj-" + LONG,
        "ghp_" + LONG + LONG,
        "dapi" + "0a" * 16,
        "AKIA" + "A" * 16,
        "ab18Q~" + "x" * 34,
        "A" * 86 + "==",
    ],
)
def test_a_value_that_is_one_whatever_its_name(value: str) -> None:
    assert in_clear({"SETTING": value}) == ["SETTING"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_TOKENS", "4096"),
        ("TOKENIZER", "bert-base-uncased"),
        ("PARTITION_KEY", "patient_identifier"),
        ("USE_TOKEN", "true"),
        ("API_KEY", ""),
        ("API_KEY", "<your key>"),
        ("TOKEN", "../tokens/file.txt"),
        ("MODEL_URL", "https://host/models/a"),
        ("PASSWORD", "${{keyvault:https://v.vault.azure.net/secrets/a/1}}"),
        ("CONNECTION", "${{azureml://connections/a}}"),
        ("DIGEST", "0a" * 32),
    ],
)
def test_what_is_none(name: str, value: str) -> None:
    assert in_clear({name: value}) == []
