from __future__ import annotations

import sys
from pathlib import Path

import pytest

from runner.azureml.connection import Connection
from runner.azureml.inputs import InputAssets, find_input
from runner.declarations import Catalog
from runner.errors import NotFound, WrongUsage
from runner.workspace import Assets
from tests.azureml.stage import Stage
from tests.emulator.seed import put

GROUP = "/subscriptions/s/resourceGroups/rg"
PLACE = "datastores/store/paths/a/b.csv"
MACHINE_LEARNING = "/providers/Microsoft.MachineLearningServices"


@pytest.fixture
def connection(stage: Stage) -> Connection:
    return Connection(stage.outputs())


@pytest.fixture
def assets(stage: Stage, tmp_path: Path) -> Assets:
    put(
        stage.emulator,
        f"{stage.workspace_id}/data/patients/versions/3",
        {
            "properties": {
                "dataType": "uri_folder",
                "dataUri": "azureml://datastores/workspaceblobstore/paths/patients/",
            }
        },
    )
    return stage.workspace(tmp_path)


@pytest.mark.parametrize(
    ("asked", "uri"),
    [
        (f"azureml://{PLACE}", f"azureml://{PLACE}"),
        (f"{GROUP}{MACHINE_LEARNING}/workspaces/ws/{PLACE}", f"{GROUP}/workspaces/ws/{PLACE}"),
        (f"azureml:{GROUP}/workspaces/ws/{PLACE}", f"{GROUP}/workspaces/ws/{PLACE}"),
        (f"azureml:/{GROUP}/workspaces/ws/{PLACE}", f"{GROUP}/workspaces/ws/{PLACE}"),
    ],
)
def test_every_form_of_a_place_in_a_datastore_is_read(
    connection: Connection, assets: Assets, asked: str, uri: str
) -> None:
    given = find_input(connection, Catalog(Path()), asked, None, assets)
    whole = uri if uri.startswith("azureml:") else f"azureml:/{uri}"
    assert (given.uri, given.type, given.shown) == (whole, "uri_file", asked)


@pytest.mark.parametrize("prefix", ["", "azureml:", "azureml:/"])
@pytest.mark.parametrize("lower", [False, True])
def test_a_data_asset_goes_by_its_id(
    stage: Stage, connection: Connection, assets: Assets, prefix: str, lower: bool
) -> None:
    own = connection.outputs.resource_id
    asked = f"{prefix}{own.replace('resourceGroups', 'resourcegroups') if lower else own}"
    given = find_input(
        connection, Catalog(Path()), f"{asked}/data/patients/versions/3", None, assets
    )
    assert given.uri == f"{own}/data/patients/versions/3"
    assert (given.type, given.shown) == ("uri_folder", "azureml:patients:3")


def test_an_id_that_the_workspace_lacks_names_the_versions_there_are(
    connection: Connection, assets: Assets
) -> None:
    asked = f"{connection.outputs.resource_id}/data/patients/versions/4"
    with pytest.raises(NotFound, match=r"patients.*3"):
        find_input(connection, Catalog(Path()), asked, None, assets)


def test_a_data_asset_of_another_workspace_is_refused(
    connection: Connection, assets: Assets
) -> None:
    asked = f"azureml:{GROUP}{MACHINE_LEARNING}/workspaces/ws/data/patients/versions/3"
    with pytest.raises(WrongUsage, match="in another workspace than 'scoring'"):
        find_input(connection, Catalog(Path()), asked, None, assets)


def test_a_path_is_registered_without_azure_ai_ml(
    stored: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "azure.ai.ml", None)  # any import of it fails
    (tmp_path / "a.csv").write_text("1\n")
    connection = Connection(stored.outputs())
    assets = InputAssets(connection, lambda _: None, lambda _: None)
    given = find_input(connection, Catalog(Path()), str(tmp_path / "a.csv"), None, assets)
    assert "/data/input-" in given.uri


def test_an_id_of_something_else_is_no_input(connection: Connection, assets: Assets) -> None:
    asked = f"{connection.outputs.resource_id}/models/diabetes/versions/1"
    with pytest.raises(WrongUsage, match="is not a datastore URI"):
        find_input(connection, Catalog(Path()), asked, None, assets)
