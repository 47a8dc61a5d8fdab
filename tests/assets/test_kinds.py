from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from runner.assets.kinds import ASSET_KINDS, INPUT_TYPES, AssetKind, AssetType, kind_of_type


@pytest.mark.parametrize("kind", get_args(AssetKind))
def test_every_kind_of_asset_is_in_the_table(kind: AssetKind) -> None:
    assert ASSET_KINDS[kind].types


@pytest.mark.parametrize("type_", get_args(AssetType))
def test_every_type_belongs_to_a_kind(type_: str) -> None:
    assert type_ in ASSET_KINDS[kind_of_type(type_)].types


def test_a_table_of_azures_is_data_that_no_other_environment_reads() -> None:
    assert kind_of_type("mltable") == "data"
    assert ASSET_KINDS["data"].readable_types == INPUT_TYPES == ("uri_file", "uri_folder")


def test_a_type_is_guessed_from_what_lies_at_the_path(tmp_path: Path) -> None:
    file = tmp_path / "MLmodel"
    file.touch()
    guesses = {kind: ASSET_KINDS[kind].guess_type for kind in ASSET_KINDS}
    assert (guesses["model"](tmp_path), guesses["model"](file)) == ("mlflow_model", "custom_model")
    assert (guesses["data"](tmp_path), guesses["data"](file)) == ("uri_folder", "uri_file")
