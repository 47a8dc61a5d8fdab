"""Model folders laid out by hand, as MLflow lays them out, without paying for MLflow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def inputs(**types: str) -> list[dict[str, Any]]:
    """Return a signature's inputs; a type with a question mark is an optional column."""
    return [
        {"name": name, "type": kind.rstrip("?"), "required": not kind.endswith("?")}
        for name, kind in types.items()
    ]


def lay_model(
    folder: Path,
    signature: list[dict[str, Any]] | None = None,
    *,
    pickle: bytes = b"",
    python_function: Mapping[str, Any] | None = None,
    sklearn: Mapping[str, Any] | None = None,
    **more: Any,
) -> Path:
    """Write `MLmodel` and `model.pkl` of a pickled scikit-learn model."""
    folder.mkdir(parents=True)
    document = {
        "flavors": {
            "python_function": {
                "loader_module": "mlflow.sklearn",
                "model_path": "model.pkl",
                "predict_fn": "predict",
                **(python_function or {}),
            },
            "sklearn": {
                "pickled_model": "model.pkl",
                "serialization_format": "cloudpickle",
                **(sklearn or {}),
            },
        },
        **more,
    }
    if signature is not None:
        document["signature"] = {"inputs": json.dumps(signature)}
    (folder / "MLmodel").write_text(yaml.safe_dump(document))
    (folder / "model.pkl").write_bytes(pickle)
    return folder
