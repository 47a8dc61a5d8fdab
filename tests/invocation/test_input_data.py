"""The forms in which data is named."""

from __future__ import annotations

import pytest

from runner.invocation.input_data import form_of

WORKSPACE = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
)


@pytest.mark.parametrize(
    ("data", "form"),
    [
        ("azureml:patients@latest", "asset"),
        ("azureml:patients:3", "asset"),
        ("azureml://registries/r/data/patients/versions/3", "asset"),
        (f"{WORKSPACE}/data/patients/versions/3", "asset_id"),
        (f"azureml:{WORKSPACE}/data/patients/versions/3", "asset_id"),
        ("azureml://datastores/store/paths/a.csv", "datastore"),
        (f"azureml:{WORKSPACE}/datastores/store/paths/a.csv", "datastore"),
        ("https://account.blob.core.windows.net/a.csv?sig=s", "https"),
        ("http://127.0.0.1/a.csv", "address"),
        ("wasbs://container@account/a.csv", "address"),
        ("s3://bucket/a.csv", "address"),
        ("file:///tmp/a.csv", "path"),
        ("data/*.csv", "path"),
        ("~/lines", "path"),
        ("c:/lines", "path"),
        ("", "path"),
    ],
)
def test_data_is_named_in_one_of_a_few_forms(data: str, form: str) -> None:
    assert form_of(data) == form
