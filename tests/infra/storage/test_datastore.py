"""Datastores: what a stack file may say of them, and what is declared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infra.mocks import Program, run_program
from tests.infra.pinning import pinned_config
from tests.infra.sdk import complaints

DATASTORES, KEYS = "scoring:datastores", "scoring:datastoreKeys"
KIND = "machinelearningservices:Datastore"
BLOB = {"type": "azure_blob", "account_name": "otherdata", "container_name": "patients"}
LAKE = {"type": "azure_data_lake_gen2", "account_name": "otherlake", "filesystem": "raw"}
SHARE = {"type": "azure_file", "account_name": "otherdata", "file_share_name": "old-share"}
KEY = "a-very-secret-key"


def run(
    project: Path, datastores: Any, keys: Any = None, *, hidden: bool = True, cloud: str = "public"
) -> Program:
    there = {"azure-native:environment": cloud}
    text = yaml.safe_dump({"config": {**pinned_config("dev"), DATASTORES: datastores, **there}})
    config = {} if keys is None else {KEYS: json.dumps(keys)}
    return run_program(project, "dev", text, config=config, secrets=(KEYS,) if hidden else ())


def test_datastores_have_no_key_unless_a_secret_gives_them_one(project: Path) -> None:
    program = run(project, {"patients": BLOB, "lake": LAKE, "share": SHARE}, {"share": KEY})
    assert program.error is None, program.error
    found = {item.inputs["name"]: item for item in program.of(KIND)}
    assert [problem for item in found.values() for problem in complaints(item)] == []
    patients = found["patients"].inputs["properties"]
    assert (patients["datastoreType"], patients["accountName"]) == ("AzureBlob", "otherdata")
    assert patients["containerName"] == "patients"
    assert patients["credentials"] == {"credentialsType": "None"}
    assert patients["tags"]["project"] == "scoring"
    lake = found["lake"].inputs["properties"]
    assert (lake["datastoreType"], lake["filesystem"]) == ("AzureDataLakeGen2", "raw")
    share = found["share"].inputs["properties"]
    assert share["fileShareName"] == "old-share"
    assert share["credentials"]["secrets"]["key"]["value"] == KEY
    assert found["share"].secret_outputs == ("properties",)


def test_a_datastore_is_made_as_the_command_line_of_azure_makes_it(project: Path) -> None:
    """Unasked, Azure looks into the storage, which it can't where a network is closed."""
    for cloud, suffix in (("public", "windows.net"), ("usgovernment", "usgovcloudapi.net")):
        program = run(project, {"patients": BLOB}, cloud=cloud)
        assert program.error is None, program.error
        inputs = program.one(KIND).inputs
        assert inputs["skipValidation"] is True
        assert inputs["properties"]["endpoint"] == f"core.{suffix}"
        assert inputs["properties"]["protocol"] == "https"


def test_a_datastore_of_another_place_takes_the_place_of_the_old_one(project: Path) -> None:
    datastore = run(project, {"patients": BLOB}).one(KIND)
    assert "properties.containerName" in datastore.replace_on_changes
    assert "properties.accountName" in datastore.replace_on_changes
    assert datastore.delete_before_replace  # which has its name


@pytest.mark.parametrize(
    ("datastores", "problem"),
    [
        ({"a-b": BLOB}, "a-b: is no name of a datastore, allowed: letters, digits and _"),
        ({"WorkspaceBlobStore": BLOB}, "is a datastore that every workspace is made with"),
        ({"p": {**BLOB, "filesystem": "x-y"}}, "p: has filesystem, allowed with type: azure_blob"),
        (
            {"p": {"type": "azure_blob", "account_name": "other"}},
            "p: has no container_name, which type: azure_blob requires",
        ),
        ({"p": {**BLOB, "account_name": "Other!"}}, "allowed: a storage account's name"),
        ({"p": {**BLOB, "account_key": "x"}}, "p.account_key: unknown key"),
        ({"p": SHARE}, "p: has no key, and Azure ML reads no file share without one: `pulumi"),
    ],
)
def test_a_datastore_that_azure_would_not_take_is_refused_where_it_stands(
    project: Path, datastores: Any, problem: str
) -> None:
    program = run(project, datastores)
    assert program.resources == ()
    assert program.error is not None
    (line,) = program.error.splitlines()[1:]
    assert problem in line
    assert line.startswith("Pulumi.dev.yaml:")


@pytest.mark.parametrize(
    ("keys", "hidden", "problem"),
    [
        ({"patients": KEY}, False, "found in clear, allowed: secrets: `pulumi config set --secret"),
        ({"patiens": KEY}, True, "has a key for patiens, allowed: lake, patients"),
        ({"lake": KEY}, True, "has a key for lake, and Azure ML reads a lake by roles only"),
        (KEY, True, "found something else, which is not shown, allowed: keys by datastore"),
    ],
)
def test_a_key_that_is_none_or_no_secret_is_refused_and_not_shown(
    project: Path, keys: Any, hidden: bool, problem: str
) -> None:
    program = run(project, {"patients": BLOB, "lake": LAKE}, keys, hidden=hidden)
    assert program.resources == ()
    assert program.error is not None
    assert f"{KEYS}: {problem}" in program.error
    assert KEY not in program.error + str(program.logs)
