import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.declarations import AssetReference, parse_reference
from runner.declarations.references import is_uri
from runner.errors import WrongUsage

from .conftest import patient

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
WORKSPACE = (
    "/subscriptions/0000/resourceGroups/rg/providers"
    "/Microsoft.MachineLearningServices/workspaces/ws"
)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("azureml:a:1", AssetReference("a", version="1")),
        ("azureml:a:1.10", AssetReference("a", version="1.10")),
        ("azureml:a@latest", AssetReference("a", label="latest")),
        (
            "azureml://registries/azureml/environments/sk-1.5/labels/latest",
            AssetReference("sk-1.5", label="latest", kind="environments", registry="azureml"),
        ),
        (
            "azureml://registries/r/models/m/versions/3",
            AssetReference("m", version="3", kind="models", registry="r"),
        ),
        (
            f"azureml:{WORKSPACE}/models/m/versions/3",
            AssetReference("m", version="3", kind="models", workspace=WORKSPACE),
        ),
    ],
)
def test_every_form_is_parsed_and_given_back(text: str, reference: AssetReference) -> None:
    assert parse_reference(text) == reference
    assert str(reference) == text


def test_no_version_means_the_latest() -> None:
    assert parse_reference("azureml:a") == AssetReference("a", label="latest")
    assert parse_reference("azureml://registries/r/models/m").label == "latest"


def test_only_a_version_is_exact() -> None:
    assert parse_reference("azureml:a:1").exact
    assert not parse_reference("azureml:a@latest").exact


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a:1",
        "azureml:",
        "azureml::1",
        "azureml:a:",
        "azureml:a:1:2",
        "azureml:a@",
        "azureml:a@b@c",
        "azureml:a b:1",
        "azureml:../a:1",
        "azureml:a:..",
        "azureml:a/b:1",
        "azureml://datastores/d/paths/p",
        "azureml://registries/r/models/m/versions/",
        "azureml://registries/r/models/../versions/1",
        "azureml:/subscriptions/s/models/m/versions/1",
    ],
)
def test_anything_else_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        parse_reference(text)
    assert "allowed" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_reference_to_another_kind_is_refused() -> None:
    with pytest.raises(WrongUsage, match="a reference to environments, allowed: models"):
        parse_reference("azureml://registries/r/environments/e/versions/1", "models")


@patient
@given(name=NAMES, version=NAMES)
def test_any_name_and_version_make_the_way_there_and_back(name: str, version: str) -> None:
    for reference in (AssetReference(name, version=version), AssetReference(name, label=version)):
        assert parse_reference(str(reference)) == reference


@patient
@given(text=st.text())
def test_any_text_is_a_reference_or_refused(text: str) -> None:
    for whole in (text, "azureml:" + text):
        message = ""
        try:
            parse_reference(whole)
        except WrongUsage as error:
            message = str(error)
        assert "\n" not in message


@pytest.mark.parametrize("text", ["https://a/b", "azureml://datastores/d/paths/p", "runs:/1/m"])
def test_addresses_are_told_from_paths(text: str) -> None:
    assert is_uri(text)


@pytest.mark.parametrize("text", ["./a", "a/b", "C:\\a", "file:./a", "/a", "a b: c/d"])
def test_paths_are_told_from_addresses(text: str) -> None:
    assert not is_uri(text)
