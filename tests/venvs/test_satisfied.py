from __future__ import annotations

import sys
from importlib.metadata import distributions, version
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from runner.venvs.interpreter import OtherVersion
from runner.venvs.satisfied import installed_versions, other_versions

NUMPY, CLICK = version("numpy"), version("click")


@pytest.mark.parametrize(
    "requirement",
    [
        f"numpy=={NUMPY}",
        f"NumPy == {NUMPY}.0",
        f"numpy=={NUMPY} --hash=sha256:00",
        f"numpy=={NUMPY.rpartition('.')[0]}.*",
        "numpy>=1,<99",
        "numpy",
        "no-such-package==1; python_version < '3'",
        f"click=={CLICK}; python_version >= '3'",
        "hypothesis[numpy]",
    ],
)
def test_what_is_installed_as_declared_is_satisfied(requirement: str) -> None:
    assert other_versions([requirement]) == ()


@pytest.mark.parametrize(
    ("requirement", "name", "installed"),
    [
        ("numpy==1.26.4", "numpy", NUMPY),
        ("numpy<2", "numpy", NUMPY),
        ("no-such-package", "no-such-package", None),
        ("no-such-package==1", "no-such-package", None),
        ("/a/tool-1-py3-none-any.whl", "/a/tool-1-py3-none-any.whl", None),
        ("click @ file:///a/click.whl", "click", None),
        ("hypothesis[crosshair]", "hypothesis-crosshair", None),
    ],
)
def test_what_is_missing_or_of_another_version_is_named(
    requirement: str, name: str, installed: str | None
) -> None:
    (found,) = other_versions([requirement])
    assert (found.name, found.installed) == (name, installed)


def test_a_constraint_counts_where_its_package_is_installed() -> None:
    assert other_versions(["click"], ["no-such-package==1", "click<99"]) == ()
    assert other_versions(["click"], ["numpy<2"]) == (OtherVersion("numpy", "<2", NUMPY),)


def test_another_minor_version_of_python_is_named() -> None:
    own = ".".join(map(str, sys.version_info[:3]))
    assert other_versions([], python="2.7") == (OtherVersion("python", "2.7", own),)
    assert other_versions([], python=own) == ()


def test_the_folders_of_packages_tell_what_importlib_tells() -> None:
    told: dict[str, str] = {}
    for each in distributions():
        told.setdefault(canonicalize_name(each.name), each.version)
    assert dict(installed_versions(sys.path)) == told


def test_exact_pins_are_held_against_the_names_of_folders_alone(tmp_path: Path) -> None:
    import subprocess

    program = (
        "import sys; from runner.venvs.satisfied import other_versions;"
        f" assert not other_versions(['numpy=={NUMPY}', 'click=={CLICK}']);"
        " assert not {'packaging', 'importlib.metadata', 'numpy'} & set(sys.modules)"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", program], cwd=root, check=True)


def test_a_version_may_come_by_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMPY_VERSION", NUMPY)
    assert other_versions(["numpy==${NUMPY_VERSION}"]) == ()
    assert other_versions(["numpy==${NOT_SET}"]) != ()
