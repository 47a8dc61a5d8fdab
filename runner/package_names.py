"""Knows which package brings a module, and how indexes compare the names of packages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

# Modules whose package has another name, or that several packages bring. One with dots is part of
# a namespace that several packages share.
PACKAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "attr": ("attrs",),
    "azure.ai.ml": ("azure-ai-ml",),
    "azure.core": ("azure-core",),
    "azure.identity": ("azure-identity",),
    "azure.keyvault.secrets": ("azure-keyvault-secrets",),
    "azure.storage.blob": ("azure-storage-blob",),
    "azure.storage.filedatalake": ("azure-storage-file-datalake",),
    "azureml.ai.monitoring": ("azureml-ai-monitoring",),
    "azureml.contrib.services": ("azureml-contrib-services", "azureml-inference-server-http"),
    "azureml.core": ("azureml-core",),
    "azureml.data": ("azureml-core",),
    "azureml.dataprep": ("azureml-dataprep",),
    "azureml.fsspec": ("azureml-fsspec",),
    "azureml.mlflow": ("azureml-mlflow",),
    "bs4": ("beautifulsoup4",),
    "Crypto": ("pycryptodome", "pycrypto"),
    "cv2": (
        "opencv-python",
        "opencv-python-headless",
        "opencv-contrib-python",
        "opencv-contrib-python-headless",
    ),
    "dateutil": ("python-dateutil",),
    "docx": ("python-docx",),
    "dotenv": ("python-dotenv",),
    "faiss": ("faiss-cpu", "faiss-gpu"),
    "fitz": ("pymupdf",),
    "git": ("gitpython",),
    "google.cloud.storage": ("google-cloud-storage",),
    "google.protobuf": ("protobuf",),
    "imblearn": ("imbalanced-learn",),
    "inference_schema": ("inference-schema",),
    "jwt": ("pyjwt",),
    "mlflow": ("mlflow", "mlflow-skinny"),
    "mpl_toolkits": ("matplotlib",),
    "MySQLdb": ("mysqlclient",),
    "numpy": ("numpy", "numpy-base"),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "OpenSSL": ("pyopenssl",),
    "PIL": ("pillow",),
    "polars": ("polars", "polars-lts-cpu", "polars-u64-idx"),
    "psycopg2": ("psycopg2", "psycopg2-binary"),
    "pyarrow": ("pyarrow", "pyarrow-core"),
    "serial": ("pyserial",),
    "skimage": ("scikit-image",),
    "sklearn": ("scikit-learn",),
    "skopt": ("scikit-optimize",),
    "sksurv": ("scikit-survival",),
    "tensorflow": (
        "tensorflow",
        "tensorflow-cpu",
        "tensorflow-gpu",
        "tensorflow-intel",
        "tensorflow-macos",
    ),
    "umap": ("umap-learn",),
    "xgboost": ("xgboost", "xgboost-cpu"),
    "yaml": ("pyyaml",),
    "zmq": ("pyzmq",),
}

# Packages that are known to bring the module of their own name and no other.
OWN_NAME: Final = frozenset(
    {
        *("catboost", "cloudpickle", "dask", "joblib", "keras", "lightgbm", "matplotlib", "onnx"),
        *("openpyxl", "pandas", "psutil", "pydantic", "pyspark", "requests", "scipy", "seaborn"),
        *("shap", "statsmodels", "torch", "torchvision", "tqdm", "transformers"),
    }
)


def packages_of(module: str) -> tuple[str, ...]:
    """Return the packages that a module may come from, by its name or the beginning of it.

    One that the table doesn't know is thought to be called as its package.
    """
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        known = PACKAGES.get(".".join(parts[:length]))
        if known is not None:
            return known
    return (parts[0],)


def normal(name: str) -> str:
    """Return a package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
