from pathlib import Path

import pytest

from runner.declarations import Data, DeclarationError, read_as

from .conftest import Write


def test_a_data_asset_is_read(write: Write, tmp_path: Path) -> None:
    text = """
        $schema: https://azuremlschemas.azureedge.net/latest/data.schema.json
        name: patients-unlabeled
        version: 2
        type: uri_folder
        description: Patients
        path: ../../data/unlabeled
        tags: {source: generator}
        properties: {a: b}
        datastore: azureml:team
        auto_delete_setting: {condition: createdGreaterThan, value: 30d}
    """
    data = read_as(write("models/diabetes/data.yml", text), Data)
    assert (data.name, data.version, data.type) == ("patients-unlabeled", "2", "uri_folder")
    assert data.path == tmp_path / "data/unlabeled"
    assert (data.properties, data.datastore) == ({"a": "b"}, "azureml:team")
    assert data.auto_delete_setting == {"condition": "created_greater_than", "value": "30d"}


def test_a_folder_is_the_default(write: Write) -> None:
    assert read_as(write("data.yml", "name: d\npath: x\n"), Data).type == "uri_folder"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: d\n", "path: missing, and required"),
        ("path: d\n", "name: missing, and required"),
        ("name: d\npath: x\ntype: folder\n", "allowed: uri_file or uri_folder or mltable"),
        ("name: a/b\npath: x\n", "name: found the text 'a/b', allowed: 1 to 255 letters"),
        ("name: d\npath: x\nversion: a/b\n", "version: found the text 'a/b'"),
        (
            "name: d\npath: x\nauto_delete_setting: {condition: created}\n",
            "auto_delete_setting.condition: found the text 'created', allowed:"
            " created_greater_than or last_accessed_greater_than",
        ),
        ("name: d\npath: x\nauto_delete_setting: {after: 3d}\n", "auto_delete_setting.after: unk"),
        ("name: d\npath: x\nauto_delete_setting: 3d\n", "allowed: a mapping of keys to values"),
    ],
)
def test_what_is_wrong_is_named(write: Write, text: str, words: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        read_as(write("data.yml", text), Data)
    assert words in str(caught.value)
