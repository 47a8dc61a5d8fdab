"""The kinds of asset that a workspace holds, in one table.

Whatever differs between models and data only by a word, a type or a key comes from here: the
commands, the declarations' types, the registries' rules and what Azure calls it all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    from pathlib import Path

AssetKind = Literal["model", "data"]
ModelType = Literal["mlflow_model", "custom_model", "triton_model"]
InputType = Literal["uri_file", "uri_folder"]  # what a job reads as files
DataType = Literal[InputType, "mltable"]
AssetType = Literal[DataType, ModelType]
# The segment of an asset's kind in Azure's ids: .../workspaces/<name>/models/<name>/versions/1
Segment = Literal["models", "data", "environments"]

INPUT_TYPES: tuple[InputType, ...] = get_args(InputType)


class KindFacts(NamedTuple):
    """The facts that tell one kind of asset from another; the keys are Azure's REST interface's."""

    noun: str  # as messages call one
    plural: str  # of the command, too: runner <plural>
    example: str  # a name, for help
    adding: str  # the command that adds one
    types: tuple[str, ...]
    azure_only: tuple[str, ...]  # those of the types that only Azure reads
    guess_type: Callable[[Path], str]  # of a file or folder without a declared type
    segment: Segment
    type_key: str  # of a version's properties in Azure
    uri_key: str

    @property
    def readable_types(self) -> tuple[str, ...]:
        """Return the types that every environment reads."""
        return tuple(name for name in self.types if name not in self.azure_only)


def guess_model_type(path: Path) -> ModelType:
    """Return an MLflow model where it holds a file named MLmodel."""
    return "mlflow_model" if (path / "MLmodel").is_file() else "custom_model"


def guess_data_type(path: Path) -> InputType:
    return "uri_folder" if path.is_dir() else "uri_file"


ASSET_KINDS: Mapping[AssetKind, KindFacts] = {
    "model": KindFacts(
        noun="model",
        plural="models",
        example="diabetes-mlflow",
        adding="runner models register",
        types=get_args(ModelType),
        azure_only=(),
        guess_type=guess_model_type,
        segment="models",
        type_key="modelType",
        uri_key="modelUri",
    ),
    "data": KindFacts(
        noun="data asset",
        plural="data",
        example="patients-unlabeled",
        adding="runner data register",
        types=get_args(DataType),
        azure_only=("mltable",),
        guess_type=guess_data_type,
        segment="data",
        type_key="dataType",
        uri_key="dataUri",
    ),
}


def kind_of_type(type_: str) -> AssetKind:
    """Return the kind of asset that a type is one of. Raises KeyError for no type."""
    kinds = {name: kind for kind, facts in ASSET_KINDS.items() for name in facts.types}
    return kinds[type_]


def is_folder(type_: str) -> bool:
    """Return whether a job writes an output of this type as a folder."""
    return type_ != "uri_file"
