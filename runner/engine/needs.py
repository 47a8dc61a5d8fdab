"""The packages that the engine needs in an environment where it scores, as requirements of pip."""

from __future__ import annotations

from typing import Final

# For an MLflow model without a scoring script: what reads its files and its `MLmodel`.
MLFLOW_MODEL: Final = ("pyarrow>=7", "pyyaml>=5.1")
