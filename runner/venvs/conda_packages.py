"""Knows which packages of conda's are on PyPI, and under which names.

Only what is known to be the same package is taken from PyPI; anything else is refused by name.
Names are in the form in which indexes compare them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# Packages that have the same name, and the same content, on conda-forge and on PyPI.
_SAME_NAMES: Final = """
absl-py accelerate adlfs aiohttp alembic altair attrs azure-ai-ml azure-core azure-identity
azure-keyvault-secrets azure-storage-blob beautifulsoup4 bokeh boto3 bottleneck catboost
category-encoders certifi cffi click cloudpickle colorama cryptography cvxpy cython dask datasets
dill distributed einops fairlearn faker fastapi fastparquet filelock flask fsspec gensim geopandas
grpcio h5py holidays httpx huggingface-hub hyperopt imageio imbalanced-learn importlib-metadata
ipython jinja2 joblib jsonschema keras lifelines lightgbm llvmlite lxml matplotlib mlflow
mlflow-skinny mlxtend networkx nltk numba numexpr numpy onnx onnxmltools onnxruntime openpyxl optuna
orjson packaging pandas pandera patsy pillow plotly polars pooch prophet protobuf psutil
pyarrow pydantic pymysql pyod pyodbc pyspark python-dateutil python-dotenv pytorch-lightning pytz
pywavelets pyyaml rasterio regex requests rich s3fs safetensors scikit-image scikit-learn
scikit-optimize scikit-survival scipy seaborn sentence-transformers sentencepiece shap shapely
simplejson six skl2onnx skops sktime snowflake-connector-python sqlalchemy starlette statsmodels
sympy tabulate tensorflow threadpoolctl tifffile timm tokenizers torchaudio torchvision tqdm
transformers tslearn typing-extensions tzdata umap-learn urllib3 uvicorn xarray xgboost xlrd
xlsxwriter zstandard
"""
_SAME: Final = frozenset(_SAME_NAMES.split())
# Packages that PyPI has under another name.
_OTHER: Final[Mapping[str, str]] = {
    "cpuonly": "",
    "dask-core": "dask",
    "h2o-py": "h2o",
    "keras-base": "keras",
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
    "nomkl": "",
    "opencv": "opencv-python-headless",
    "psycopg2": "psycopg2-binary",
    "py-opencv": "opencv-python-headless",
    "py-xgboost": "xgboost",
    "py-xgboost-cpu": "xgboost",
    "pytables": "tables",
    "python-flatbuffers": "flatbuffers",
    "python-graphviz": "graphviz",
    "python-lmdb": "lmdb",
    "python-xxhash": "xxhash",
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "redis-py": "redis",
    "seaborn-base": "seaborn",
    "tensorflow-base": "tensorflow",
    "tensorflow-cpu": "tensorflow-cpu",
}


def pypi_name(package: str) -> str | None:
    """Return the name on PyPI of a package of conda's; None where it is not known to be there.

    An empty name is that of a package which only chooses among conda's builds of another.
    """
    return package if package in _SAME else _OTHER.get(package)
