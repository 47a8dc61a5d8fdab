"""One tree laid over another: key by key, but for what says nothing without the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.declarations.document import MappingNode, read_document
from runner.declarations.merging import merge


def tree(folder: Path, text: str) -> MappingNode:
    file = folder / "a.yml"
    file.write_text(text)
    found = read_document(file)
    assert isinstance(found, MappingNode)
    return found


@pytest.mark.parametrize(
    ("key", "kept"),
    [
        ("environment", ["new"]),
        ("identity", ["new"]),
        ("mirror_traffic", ["new"]),
        ("model", ["new"]),
        ("scale_settings", ["new"]),
        ("traffic", ["new"]),
        ("tags", ["new", "old"]),
        ("environment_variables", ["new", "old"]),
    ],
)
def test_what_an_environment_states_takes_the_place_of_a_value_or_of_all_of_them(
    tmp_path: Path, key: str, kept: list[str]
) -> None:
    base, over = (tree(tmp_path, f"{key}: {{{name}: 1}}\n") for name in ("old", "new"))
    merged = merge(base, over).entries[key]
    assert isinstance(merged, MappingNode)
    assert sorted(merged.entries) == kept
