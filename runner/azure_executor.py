"""Names the packages that only Azure Machine Learning's own executors need of an environment.

They run a scoring script and log a job's MLflow run; elsewhere the runner does. So nothing of it is
installed elsewhere, unless the code imports it.
Source: https://learn.microsoft.com/azure/machine-learning/how-to-batch-scoring-script and
how-to-inference-server-http, and what those packages themselves require.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

# As PyPI names them, in the form in which packaging compares names (PEP 503).
PACKAGES: Final = frozenset(
    {
        "azureml-ai-monitoring",
        "azureml-contrib-server",
        "azureml-contrib-services",
        "azureml-core",
        "azureml-dataprep",
        "azureml-dataprep-native",
        "azureml-dataprep-rslex",
        "azureml-dataset-runtime",
        "azureml-defaults",
        "azureml-fsspec",
        "azureml-inference-server-http",
        "azureml-mlflow",
        "azureml-sdk",
        "azureml-telemetry",
    }
)
# They share one namespace, and some bring others along: azureml-defaults is azureml.core as well.
NAMESPACE: Final = "azureml"
# The server that answers requests with a scoring script in an online deployment.
SERVER: Final = "azureml-inference-server-http"
SERVER_MODULE: Final = "azureml_inference_server_http"
BRINGS_SERVER: Final = frozenset({SERVER, "azureml-defaults"})
# Imported by the script that Azure writes for an online deployment of an MLflow model without one.
# Source: azureml-assets, assets/inference/environments/mlflow-py312-inference/context.
MONITORING: Final = "azureml-ai-monitoring"


def image_has_server(image: str) -> bool:
    """Return whether an image is one of Azure's own for inference, which have the server."""
    return re.match(r"mcr\.microsoft\.com/azureml/[^:@]*\binference\b", image) is not None


def online_needs(has_script: bool, image: str | None) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield each package that the container of an online deployment doesn't start without, and
    those of which one is enough for it.

    `image` is what a declared environment is made on; None for the model's own environment, which
    Azure makes on an image that has the server.
    """
    if image is not None and not image_has_server(image):
        yield SERVER, BRINGS_SERVER
    if not has_script:
        yield MONITORING, frozenset({MONITORING})
