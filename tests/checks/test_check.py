"""The check as a whole."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from runner.errors import RunnerError

from .conftest import FILES, Checked


def test_nothing_is_found_in_a_clean_project(project: Checked) -> None:
    report = project.report()
    assert report.findings == ()
    assert report.unchecked == ()


def damage(path: Path, chance: random.Random) -> None:
    """Do to a file what editors, merges and people do."""
    raw = path.read_bytes()
    lines = raw.split(b"\n")
    place = chance.randint(0, len(raw))

    def link() -> None:
        path.unlink()
        path.symlink_to(chance.choice(["nowhere", "..", path.name]))

    def folder() -> None:
        path.unlink()
        path.mkdir()

    ways: list[Callable[[], object]] = [
        path.unlink,
        link,
        folder,
        lambda: path.write_bytes(raw[:place]),
        lambda: path.write_bytes(raw[:place] + chance.randbytes(1) + raw[place:]),
        lambda: path.write_bytes(b"\n".join(chance.sample(lines, len(lines)))),
        lambda: path.write_bytes(b"\n".join(chance.sample(lines, len(lines) - 1))),
    ]
    chance.choice(ways)()


@pytest.mark.parametrize("seed", range(30))
def test_whatever_state_a_project_is_in_the_check_ends_as_it_should(
    project: Checked, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - to do the same damage again
    for name in chance.sample(sorted(FILES.keys() - {"Pulumi.yaml"}), 2):
        damage(project.root / name, chance)
    with suppress(RunnerError):
        project.report(chance.choice([None, "m", "batch", "online"]))
