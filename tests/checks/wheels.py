"""Wheels without content, by which uv tells what an environment comes to without any index."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

# What the tests declare, by name, version and what it requires.
WHEELS = (
    ("azureml-ai-monitoring", "1.0.0", ()),
    ("azureml-core", "1.62.0", ("requests",)),
    ("azureml-defaults", "1.62.0", ("azureml-core", "azureml-inference-server-http")),
    ("azureml-inference-server-http", "1.3.4", ("inference-schema",)),
    ("azureml-inference-server-http", "1.5.1", ("inference-schema",)),
    ("azureml-mlflow", "1.62.0", ()),
    ("inference-schema", "1.8", ()),
    ("joblib", "1.5.2", ()),
    ("mlflow", "2.16.2", ("mlflow-skinny==2.16.2",)),
    ("mlflow-skinny", "2.16.2", ()),
    ("mlflow-skinny", "3.15.0", ()),
    ("numpy", "1.26.4", ()),
    ("numpy", "2.4.6", ()),
    ("our-own", "1.0", ()),
    ("pandas", "1.5.3", ("numpy>=1.21",)),
    ("pandas", "2.3.3", ("numpy>=1.26",)),
    ("requests", "2.32.5", ()),
    ("scikit-learn", "0.22", ("joblib",)),
    ("scikit-learn", "1.5.2", ("joblib",)),
    ("scikit-learn", "1.9.0", ("joblib",)),
    ("scikit-learn", "1.9.1", ("joblib",)),
    ("setuptools", "80.9.0", ()),
    ("xgboost", "3.1.0", ("numpy",)),
)


def write_wheels(folder: Path) -> None:
    """Write every wheel into a folder, for `--find-links`."""
    for name, version, requires in WHEELS:
        write_wheel(folder, name, version, requires)


def write_wheel(folder: Path, name: str, version: str, requires: Iterable[str] = ()) -> None:
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    needs = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


def write_source(folder: Path, name: str, version: str, setup: str) -> None:
    """Write a package that has no wheel: what it requires only its setup.py tells."""
    stem = f"{name}-{version}"
    files = {
        "PKG-INFO": f"Metadata-Version: 1.0\nName: {name}\nVersion: {version}\n",
        "setup.py": setup,
    }
    with tarfile.open(folder / f"{stem}.tar.gz", "w:gz") as archive:
        for file, text in files.items():
            entry = tarfile.TarInfo(f"{stem}/{file}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
