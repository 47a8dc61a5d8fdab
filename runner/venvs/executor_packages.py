"""Packages that only the executor of Azure needs, and scripts hardly ever."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from runner.azure_executor import NAMESPACE, PACKAGES
from runner.venvs.names import name_of

# By package: the modules that a script may import of it, where they are not all of the namespace.
_MODULES: Final = {
    "azureml-ai-monitoring": ("azureml.ai.monitoring",),
    "azureml-contrib-services": ("azureml.contrib.services",),
    "azureml-core": ("azureml.core", "azureml.data", "azureml.exceptions"),
    "azureml-dataprep": ("azureml.data", "azureml.dataprep"),
    "azureml-dataset-runtime": ("azureml.data", "azureml.dataprep"),
    "azureml-defaults": ("azureml.core", "azureml.data", "inference_schema"),
    "azureml-fsspec": ("azureml.fsspec",),
    "azureml-inference-server-http": (
        "azureml.contrib.services",
        "azureml_inference_server_http",
        "inference_schema",
    ),
    "azureml-mlflow": ("azureml.mlflow",),
}


def left_out(requirements: Iterable[str], imported: frozenset[str]) -> tuple[str, ...]:
    """The requirements that only Azure's own executor needs: `imported` names none of them."""
    return tuple(
        requirement
        for requirement in requirements
        if (name := name_of(requirement)) in PACKAGES and not _uses(name, imported)
    )


def _uses(package: str, imported: frozenset[str]) -> bool:
    return any(
        module == prefix or module.startswith(f"{prefix}.")
        for prefix in _MODULES.get(package, (NAMESPACE,))
        for module in imported
    )
