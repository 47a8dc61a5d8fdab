"""What is declared, as one environment has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.catalogs import read_environment_catalog
from runner.declarations import DeclarationError
from runner.project import Project
from tests.projects import ScratchProject


def project_at(root: Path) -> Project:
    return Project(root, root / "models", root / ".runner")


def test_each_environment_has_its_own_stack_file_laid_over(project: ScratchProject) -> None:
    project.write(
        "Pulumi.dev.yaml",
        "config:\n"
        "  scoring:endpoints:\n"
        "    echo: {deployments: {main: {settings: {mini_batch_size: 7}}}}\n",
    )
    sizes = [
        read_environment_catalog(project_at(project.root), name)
        .batch_deployments["echo"]["main"]
        .settings.mini_batch_size
        for name in ("dev", "local")
    ]
    assert sizes[0] == 7
    assert sizes[1] != 7


def test_a_project_without_models_declares_nothing_where_that_may_be(tmp_path: Path) -> None:
    assert not read_environment_catalog(
        project_at(tmp_path), "lab", may_be_missing=True
    ).batch_endpoints
    with pytest.raises(DeclarationError, match="there is no such folder"):
        read_environment_catalog(project_at(tmp_path), "lab")
