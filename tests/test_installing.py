"""The command that installs a package."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from runner.errors import EnvironmentRefused
from runner.installing import check_packages, installed_by


def test_the_uv_that_make_fetched_is_named_where_none_is_on_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = tmp_path / "a project" / ".uv" / "bin" / "uv"
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "a project" / ".venv"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert installed_by("numpy") == "`uv pip install numpy`"
    fetched.parent.mkdir(parents=True)
    fetched.touch()
    assert installed_by("numpy") == f"`'{fetched}' pip install numpy`"
    on_path = tmp_path / "uv"
    on_path.touch(mode=0o755)
    assert installed_by("numpy") == "`uv pip install numpy`"


def test_a_package_that_lacks_is_named_with_the_command_that_installs_its_group() -> None:
    packages = {"json": "there", "no.such": "azure-nothing"}
    with pytest.raises(
        EnvironmentRefused, match=r"package azure-nothing: `\S+ pip install -r requirements/azure\."
    ):
        check_packages("environment dev is on Azure", packages, "azure")
