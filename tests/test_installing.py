"""The command that installs a package."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runner import installing
from runner.errors import EnvironmentRefused
from runner.installing import check_packages, installed_by


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a checkout with an environment of uv's, which holds no pip, and nothing on PATH."""
    root = tmp_path / "a project"
    (root / ".venv").mkdir(parents=True)
    (root / "requirements").mkdir()
    (root / "requirements/mlflow.txt").touch()
    monkeypatch.setattr(sys, "prefix", str(root / ".venv"))
    monkeypatch.setattr(sys, "executable", str(root / ".venv/bin/python"))
    monkeypatch.setattr(installing, "_PROJECT", root)
    monkeypatch.setattr(installing, "find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def have(checkout: Path) -> Callable[[str], Path]:
    """Put a program into a folder, as it is named from the one of PATH."""

    def put(name: str) -> Path:
        path = checkout.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o755)
        return path

    return put


def test_make_is_named_where_it_installs_the_group(
    checkout: Path, have: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    have("make")
    have("uv")
    assert installed_by("pandas", group="mlflow") == "`make .venv/mlflow`"
    monkeypatch.chdir(checkout / "requirements")
    assert installed_by("pandas", group="mlflow") == f"`make -C '{checkout}' .venv/mlflow`"


def test_make_is_not_named_where_there_is_none(
    checkout: Path, have: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    have("uv")
    locked = "`uv pip install -r requirements/mlflow.txt`"
    assert installed_by("pandas", group="mlflow") == locked
    monkeypatch.chdir(checkout.parent)
    assert installed_by("pandas", group="mlflow") == (
        f"`uv pip install --python '{checkout}/.venv' -r '{checkout}/requirements/mlflow.txt'`"
    )


def test_elsewhere_than_in_a_checkout_the_package_itself_is_named(
    have: Callable[[str], Path],
) -> None:
    have("make")
    have("uv")
    assert installed_by("databricks-sdk", group="databricks") == ("`uv pip install databricks-sdk`")


def test_the_installer_is_one_that_is_there(
    checkout: Path, have: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    python = f"'{checkout}/.venv/bin/python'"
    assert installed_by("numpy") == f"`{python} -m ensurepip && {python} -m pip install numpy`"
    monkeypatch.setattr(installing, "find_spec", lambda name: name if name == "pip" else None)
    assert installed_by("numpy") == f"`{python} -m pip install numpy`"
    fetched = have("a project/.uv/bin/uv")
    assert installed_by("numpy>2") == f"`'{fetched}' pip install 'numpy>2'`"
    have("uv")
    assert installed_by("numpy") == "`uv pip install numpy`"
    monkeypatch.setenv("VIRTUAL_ENV", str(checkout.parent / "another"))
    assert installed_by("numpy") == f"`uv pip install --python '{checkout}/.venv' numpy`"


@pytest.mark.usefixtures("checkout")
def test_a_package_that_lacks_is_named_with_the_command_that_installs_its_group(
    have: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    have("uv")
    monkeypatch.setattr(installing, "find_spec", lambda name: name if name == "json" else None)
    packages = {"json": "there", "no.such": "azure-nothing"}
    with pytest.raises(EnvironmentRefused, match=r"package azure-nothing: `uv pip install azure-n"):
        check_packages("environment dev is on Azure", packages, "azure")
