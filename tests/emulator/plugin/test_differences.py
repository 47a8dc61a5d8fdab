"""Changes are told property by property, with those that take a new resource."""

from __future__ import annotations

from tests.emulator.azure_native.resource import kind_of, takes_a_new_resource
from tests.emulator.plugin.differences import Change, differences

ENVIRONMENT = kind_of("azure-native:machinelearningservices:EnvironmentVersion")


def test_equal_inputs_do_not_differ() -> None:
    assert list(differences({"a": [1, {"b": 2.0}]}, {"a": [1, {"b": 2}]})) == []


def test_each_difference_is_told_by_its_path() -> None:
    old = {"tags": {"a-b": "1", "gone": "x"}, "list": [1, 2], "sku": {"name": "S"}}
    new = {"tags": {"a-b": "2"}, "list": [1, 3, 4], "sku": "S", "kind": "k"}
    assert list(differences(old, new)) == [
        ("kind", Change.ADD),
        ("list[1]", Change.UPDATE),
        ("list[2]", Change.ADD),
        ("sku", Change.UPDATE),
        ('tags["a-b"]', Change.UPDATE),
        ("tags.gone", Change.DELETE),
    ]


def test_names_content_and_location_take_a_new_resource_and_tags_do_not() -> None:
    def replaces(path: str) -> bool:
        return takes_a_new_resource(ENVIRONMENT, path, {}, {})

    assert replaces("workspaceName")
    assert replaces("properties.image")
    assert replaces("properties.build.contextUri")
    assert not replaces("properties.imageDescription")
    assert not replaces("properties.tags.a")


def test_a_location_is_the_same_however_it_is_written() -> None:
    old = {"location": "Korea Central"}
    assert not takes_a_new_resource(ENVIRONMENT, "location", old, {"location": "koreacentral"})
    assert takes_a_new_resource(ENVIRONMENT, "location", old, {"location": "westeurope"})
