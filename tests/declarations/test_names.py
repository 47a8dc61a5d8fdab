import pytest

from runner.declarations import is_asset_name, is_endpoint_name


@pytest.mark.parametrize("name", ["abc", "a-b", "A1c", "x" * 32, "diabetes-batch"])
def test_azure_takes_these_endpoint_names(name: str) -> None:
    assert is_endpoint_name(name)


@pytest.mark.parametrize(
    "name", ["", "ab", "x" * 33, "1abc", "-abc", "abc-", "a_b", "a.b", "a b", "abc\n", "äbc"]
)
def test_azure_refuses_these_endpoint_names(name: str) -> None:
    assert not is_endpoint_name(name)


@pytest.mark.parametrize("name", ["a", "1", "1.10", "a_b-c.d", "x" * 255])
def test_azure_takes_these_asset_names(name: str) -> None:
    assert is_asset_name(name)


@pytest.mark.parametrize("name", ["", ".", "..", "-a", "_a", "a/b", "a b", "a:b", "x" * 256, "a\n"])
def test_azure_refuses_these_asset_names(name: str) -> None:
    assert not is_asset_name(name)
