"""scripts/release-notes prints a release's part of the changelog, if all agree on the version."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from runner import __version__
from tests.projects import ROOT

CHANGELOG = """# Changelog

## Unreleased

## 0.2.0 - 2026-12-01

- New.

## 0.1.0 - 2026-11-30

- Old.
"""


@pytest.fixture
def notes(tmp_path: Path) -> Callable[[str], str]:
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "0.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    found: Callable[[str, Path], str] = runpy.run_path(str(ROOT / "scripts/release-notes"))["notes"]
    return lambda tag: found(tag, tmp_path)


def test_the_part_of_the_newest_release_is_printed(notes: Callable[[str], str]) -> None:
    assert notes("v0.2.0") == "- New.\n"


def test_a_tag_of_another_version_than_the_package_is_refused(notes: Callable[[str], str]) -> None:
    with pytest.raises(SystemExit, match=r"the tag is v0\.1\.0 and pyproject\.toml says 0\.2\.0"):
        notes("v0.1.0")


def test_a_changelog_without_the_release_is_refused(
    notes: Callable[[str], str], tmp_path: Path
) -> None:
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG.replace("0.2.0", "0.3.0"))
    with pytest.raises(SystemExit, match=r"its newest release is not 0\.2\.0"):
        notes("v0.2.0")


def test_the_package_and_the_changelog_are_of_one_version() -> None:
    released = re.search(r"^## (\d\S+) - ", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    package = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert released is not None
    assert package is not None
    assert __version__ == package[1] == released[1]
