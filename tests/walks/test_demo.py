"""The README's commands for Azure, as they are printed, on a subscription that has nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulator import Emulator
from tests.infra.engine.stack import Pulumi
from tests.walks import demo


@pytest.fixture
def cloud(scoring_emulator: Emulator) -> Iterator[Emulator]:
    """Yield a cloud from which the walk's resources are taken away again."""
    yield scoring_emulator
    scoring_emulator.arm("DELETE", f"/resourceGroups/{demo.PROJECT}-dev")


def test_an_empty_subscription_scores_after_the_readme_s_commands(
    pulumi: Pulumi, cloud: Emulator, tmp_path: Path
) -> None:
    shown: list[str] = []
    printed = demo.walk(pulumi, cloud, tmp_path, shown.append)
    assert re.search(r"^status +Completed\nrows +400$", printed, re.MULTILINE)
    commands = [text.removeprefix("$ ") for text in shown if text.startswith("$ ")]
    assert commands[-2:] == ["runner score --env dev", "runner jobs show --env dev"]
