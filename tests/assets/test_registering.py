from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner.assets.registering import find_or_register, registration_of
from runner.declarations import Data, parse_reference
from runner.declarations.document import MappingNode
from runner.declarations.problem import Place
from runner.errors import NotFound
from runner.workspace import Asset, Assets, Registration
from tests.cli.memory import MemoryWorkspace


@pytest.fixture
def assets() -> Assets:
    return MemoryWorkspace()


def declare(path: Path | str, **more: Any) -> Data:
    place = Place(Path("data.yml"), 1)
    return Data(
        name="patients",
        path=path,
        file=place.file,
        source=MappingNode(place, {}, {}, 2),
        **more,
    )


def find(assets: Assets, reference: str, declared: Data) -> object:
    return find_or_register(assets, "data", parse_reference(reference), {"patients": declared})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "patients.csv"
    file.write_text("age\n1\n")
    return file


def test_a_declaration_says_what_to_register_under_another_name(file: Path) -> None:
    declared = declare(
        file, version="7", type="uri_file", description="Patients.", tags={"by": "us"}
    )
    wanted = Registration("copy", file, "uri_file", "7", "Patients.", {"by": "us"})
    assert registration_of(declared, "copy") == wanted


def test_keys_that_not_every_environment_has_a_use_for_are_handed_on() -> None:
    declared = declare(
        "https://elsewhere/patients.csv", datastore="azureml:team", properties={"a": "b"}
    )
    wanted = registration_of(declared, "patients")
    assert wanted.path == "https://elsewhere/patients.csv"
    assert (wanted.properties, wanted.more) == ({"a": "b"}, {"datastore": "azureml:team"})


def test_what_the_workspace_lacks_is_registered_from_its_declaration(
    assets: Assets, file: Path
) -> None:
    declared = declare(file, type="uri_file", version="7")
    found = find(assets, "azureml:patients:7", declared)
    assert isinstance(found, Asset)
    assert (found.reference, found.path) == ("azureml:patients:7", str(file))


def test_what_is_registered_already_is_found_whatever_is_declared(
    assets: Assets, file: Path
) -> None:
    registered = assets.register("data", Registration("patients", file, "uri_file"))
    assert find(assets, "azureml:patients@latest", declare("https://elsewhere/x")) == registered


def test_another_version_than_the_declared_is_not_found(assets: Assets, file: Path) -> None:
    with pytest.raises(NotFound):
        find(assets, "azureml:patients:8", declare(file, version="7"))


def test_what_is_declared_at_an_address_stays_a_declaration(assets: Assets) -> None:
    declared = declare("https://elsewhere/patients.csv")
    assert find(assets, "azureml:patients@latest", declared) is declared
