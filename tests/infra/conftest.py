"""Fixtures for the tests of the program: the project, and what its own stacks declare."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.infra.mocks import Program, copy_project, run_program


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Provide a copy of this project to a module's tests, with pinned stack files."""
    return copy_project(tmp_path_factory.mktemp("program") / "project")


@pytest.fixture(scope="session")
def own_stacks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Provide a copy of this project whose stack files nobody changes."""
    return copy_project(tmp_path_factory.mktemp("own") / "project")


@pytest.fixture(scope="session")
def dev(own_stacks: Path) -> Program:
    """Provide what the stack `dev` declares."""
    return run_program(own_stacks, "dev")


@pytest.fixture(scope="session")
def prod(own_stacks: Path) -> Program:
    """Provide what the stack `prod` declares."""
    return run_program(own_stacks, "prod")
