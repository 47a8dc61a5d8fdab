"""What only Azure Machine Learning's own executors need of a declared environment.

They run a scoring script and log a job's MLflow run; elsewhere the runner does. So nothing of it is
installed elsewhere, unless the code imports it.
Source: https://learn.microsoft.com/azure/machine-learning/how-to-batch-scoring-script and
how-to-inference-server-http, and what those packages themselves require.
"""

from __future__ import annotations

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
