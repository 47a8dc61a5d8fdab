from __future__ import annotations

from pathlib import Path

import pytest

from runner.assets.fetching import checked_name, fresh_folder
from runner.errors import EnvironmentRefused, WrongUsage


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "target"

    def fail() -> None:
        with fresh_folder(target) as folder:
            (folder / "half").touch()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(tmp_path.rglob("*")) == [target.parent]
    with fresh_folder(target) as folder:
        (folder / "whole").touch()
        assert not target.exists()
    assert [entry.name for entry in target.iterdir()] == ["whole"]


def test_what_is_there_is_never_replaced(tmp_path: Path) -> None:
    target = tmp_path / "target"

    def come_first() -> None:
        with fresh_folder(target):
            target.mkdir()
            (target / "mine").touch()

    with pytest.raises(WrongUsage, match="exists already"):
        come_first()
    with pytest.raises(WrongUsage, match="exists already"), fresh_folder(target):
        pytest.fail("it must not come to that")
    assert [entry.name for entry in target.iterdir()] == ["mine"]


def test_a_folder_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(EnvironmentRefused, match="can't be written"),
        fresh_folder(tmp_path / "file" / "target"),
    ):
        pytest.fail("it must not come to that")


@pytest.mark.parametrize("name", ["../up", "a//b", "/top", "C:/x", "a\\..\\b", "a\0b"])
def test_a_name_that_leads_out_of_its_folder_is_refused(name: str) -> None:
    with pytest.raises(EnvironmentRefused, match="the file 'x' would be written outside"):
        checked_name(name, "the file 'x'")
