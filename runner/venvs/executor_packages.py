"""Packages that only the executor of Azure needs, and scripts hardly ever."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from runner.venvs.names import name_of

# By package: the modules of it that a script may import itself.
_EXECUTOR: Final = {
    "azureml-ai-monitoring": ("azureml.ai.monitoring",),
    "azureml-core": ("azureml.core", "azureml.data", "azureml.exceptions"),
    "azureml-dataprep": ("azureml.dataprep",),
    "azureml-dataprep-rslex": ("azureml.dataprep",),
    "azureml-dataset-runtime": ("azureml.data", "azureml.dataprep"),
    "azureml-defaults": ("azureml.core", "azureml.data", "inference_schema"),
    "azureml-inference-server-http": (
        "azureml.contrib.services",
        "azureml_inference_server_http",
        "inference_schema",
    ),
    "azureml-telemetry": ("azureml.telemetry",),
}


def left_out(requirements: Iterable[str], imported: frozenset[str]) -> tuple[str, ...]:
    """The requirements that only Azure's own executor needs: `imported` names none of them."""
    return tuple(
        requirement
        for requirement in requirements
        if (name := name_of(requirement)) in _EXECUTOR and not _uses(name, imported)
    )


def _uses(package: str, imported: frozenset[str]) -> bool:
    return any(
        module == prefix or module.startswith(f"{prefix}.")
        for prefix in _EXECUTOR[package]
        for module in imported
    )
