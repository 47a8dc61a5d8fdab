"""Which packages of conda's are on PyPI, and under which name there.

Only what is known to be the same package is taken from PyPI; anything else is refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# Packages that have the same name, and the same content, in conda-forge and on PyPI.
_SAME: Final = frozenset(
    (
        "absl-py adlfs aiohttp alembic altair attrs azure-core azure-identity azureml-core "
        "beautifulsoup4 bokeh boto3 bottleneck catboost category_encoders certifi cffi click "
        "cloudpickle colorama cryptography cvxpy cython dash dask datasets dill distributed "
        "einops faker fastapi fastparquet filelock flask fsspec gensim geopandas gunicorn "
        "h5py holidays httpx hyperopt imageio imbalanced-learn ipykernel ipython jinja2 "
        "joblib jsonschema keras lifelines lightgbm llvmlite lxml matplotlib mlflow mlflow- "
        "skinny mlxtend networkx nltk numba numexpr numpy onnx onnxruntime openpyxl optuna "
        "orjson packaging pandas pandera patsy pillow pingouin plotly polars pooch prophet "
        "protobuf psutil psycopg2 pyarrow pycaret pydantic pyod pyodbc pyspark pytest python- "
        "dateutil python-dotenv pytz pywavelets pyyaml rasterio regex requests rich s3fs "
        "safetensors scikit-image scikit-learn scikit-optimize scipy seaborn sentence- "
        "transformers sentencepiece setuptools shap shapely simplejson six skops sktime "
        "sqlalchemy starlette statsmodels sympy tabulate tensorboard tensorflow threadpoolctl "
        "tifffile timm tokenizers tqdm transformers tslearn typing-extensions tzdata umap- "
        "learn urllib3 uvicorn wheel xarray xgboost xlrd xlsxwriter zstandard "
    ).split()
)
# Packages that PyPI has under another name.
_OTHER: Final[Mapping[str, str]] = {
    "accelerate": "accelerate",
    "cpuonly": "",  # chooses a build of pytorch; PyPI's runs without a GPU as well
    "dask-core": "dask",
    "huggingface_hub": "huggingface-hub",
    "importlib_metadata": "importlib-metadata",
    "keras-base": "keras",
    "lightgbm-base": "lightgbm",
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
    "nomkl": "",  # chooses a build of numpy's libraries
    "opencv": "opencv-python-headless",
    "psycopg2-binary": "psycopg2-binary",
    "py-catboost": "catboost",
    "py-lightgbm": "lightgbm",
    "py-opencv": "opencv-python-headless",
    "py-xgboost": "xgboost",
    "py-xgboost-cpu": "xgboost",
    "python-flatbuffers": "flatbuffers",
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-lightning": "pytorch-lightning",
    "seaborn-base": "seaborn",
    "shap-base": "shap",
    "tables": "tables",
    "pytables": "tables",
    "tensorflow-base": "tensorflow",
    "tensorflow-cpu": "tensorflow-cpu",
    "torchaudio": "torchaudio",
    "torchvision": "torchvision",
    "typing_extensions": "typing-extensions",
    "xgboost-cpu": "xgboost",
}


def pypi_name(package: str) -> str | None:
    """What a package of conda's is called on PyPI; None where it is not known to be there.

    An empty name is that of a package which only chooses among conda's builds of another.
    """
    if package in _OTHER:
        return _OTHER[package]
    if package.replace("_", "-") in {name.replace("_", "-") for name in _SAME}:
        return package
    return None
