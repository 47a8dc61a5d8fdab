"""How an endpoint did when it was served is kept beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.serving_record import Served, record_slowest, record_starts, served_before


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "endpoints" / "here"
    folder.mkdir(parents=True)
    return folder


def test_starts_and_the_slowest_requests_are_kept_by_deployment(folder: Path) -> None:
    record_starts(folder, {"blue": 2.5, "green": 40.25})
    record_slowest(folder, {"blue": 0.125, "green": 0.0})
    assert served_before(folder.parent.parent, "here") == {
        "blue": Served(2.5, 0.125),
        "green": Served(40.25),
    }


def test_a_start_without_requests_forgets_no_request(folder: Path) -> None:
    record_starts(folder, {"blue": 2.5})
    record_slowest(folder, {"blue": 7.0})
    record_starts(folder, {"blue": 3.5})
    record_slowest(folder, {"blue": 0.0})
    assert served_before(folder.parent.parent, "here") == {"blue": Served(3.5, 7.0)}


def test_a_deployment_that_is_no_more_is_forgotten(folder: Path) -> None:
    record_starts(folder, {"blue": 2.5, "green": 2.5})
    record_starts(folder, {"blue": 2.5})
    assert served_before(folder.parent.parent, "here").keys() == {"blue"}


@pytest.mark.parametrize("content", [None, "", "[]", '{"blue": 3}', '{"blue": {"new": 1}}'])
def test_nothing_is_known_of_what_can_not_be_read(folder: Path, content: str | None) -> None:
    if content is not None:
        (folder / "served.json").write_text(content)
    assert served_before(folder.parent.parent, "here") == {}
