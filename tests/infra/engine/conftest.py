"""What tests on the real engine share: the command line, and one stack that is deployed."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.emulator import Emulator
from tests.infra.engine.deploying import deploy
from tests.infra.engine.stack import Pulumi, Stack, Unavailable, make_project, make_stack


@pytest.fixture(scope="session")
def pulumi(tmp_path_factory: pytest.TempPathFactory) -> Pulumi:
    """The Pulumi command line; a test is skipped where there is none, but not in CI."""
    try:
        return Pulumi.find(tmp_path_factory.mktemp("pulumi"))
    except Unavailable as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI has to run this: {error}")
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def deployed(pulumi: Pulumi, emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The stack `dev` as it is declared, deployed: the platform first, then what is pinned."""
    project = make_project(tmp_path_factory.mktemp("deployed") / "project")
    stack = make_stack(pulumi, emulator, project, "dev")
    deploy(stack, emulator)
    return stack


@pytest.fixture
def dev(deployed: Stack) -> Iterator[Stack]:
    """The deployed stack, to ask and to preview; its stack file is put back afterwards."""
    before = deployed.path.read_text()
    yield deployed
    deployed.path.write_text(before)
