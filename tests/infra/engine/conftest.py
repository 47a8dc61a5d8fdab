"""The Pulumi command line that all tests on the real engine share."""

from __future__ import annotations

import os

import pytest

from tests.infra.engine.stack import Pulumi, Unavailable


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the test that takes down a stack which its module shares after the module's others."""
    for item in [item for item in items if item.get_closest_marker("takes_down")]:
        items.remove(item)
        others = [place for place, other in enumerate(items) if other.path == item.path]
        items.insert(others[-1] + 1 if others else len(items), item)


@pytest.fixture(scope="session")
def pulumi(tmp_path_factory: pytest.TempPathFactory) -> Pulumi:
    """Provide the Pulumi command line; a test is skipped where there is none, but not in CI."""
    try:
        return Pulumi.find(tmp_path_factory.mktemp("pulumi"))
    except Unavailable as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI has to run this: {error}")
        pytest.skip(str(error))
