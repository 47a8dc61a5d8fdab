"""What a person calls a version, and what that means."""

from __future__ import annotations

import pytest

from runner.comparison.versions import is_path, named_model
from runner.errors import WrongUsage


@pytest.mark.parametrize(
    ("text", "path", "name"),
    [
        ("3", False, None),
        ("@latest", False, None),
        ("model", False, "model"),
        ("model:3", False, "model"),
        ("model@latest", False, "model"),
        ("azureml:model:3", False, "model"),
        ("./3", True, None),
        (".", True, None),
        ("~/model", True, None),
        ("models/model", True, None),
        ("/models/model", True, None),
        ("model.yml", True, None),
    ],
)
def test_a_version_is_told_from_a_path(text: str, path: bool, name: str | None) -> None:
    assert is_path(text) is path
    assert named_model(text) == name


@pytest.mark.parametrize("text", ["model:", "a b", "model:3:4", "azureml:", "\x00"])
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(WrongUsage):
        named_model(text)
