"""Reading an image as the array an MLflow model with a tensor signature wants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runner.errors import JobFailed
from runner.local.engine.drivers.tables import BadFile
from runner.local.engine.mlmodel import Signature
from runner.local.engine.text import one_line

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tiff"})


def read_image(path: Path, signature: Signature) -> Any:
    """Read one image as an array: height x width x channels, or the signature's shape.

    As on Azure the array is reshaped to the signature's tensor where there is one, and is of
    uint8 where there is none. Raises BadFile for a broken image or one of another shape.
    """
    import numpy as np

    try:
        from PIL import Image
    except ModuleNotFoundError:
        raise JobFailed(
            "images need the package pillow: `uv pip install -r requirements/mlflow.txt`"
        ) from None
    try:
        with Image.open(path) as image:
            array = np.asarray(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadFile(f"is not a readable image: {one_line(error)}") from None
    if signature.tensor_shape is None:
        return array
    try:
        return array.reshape(signature.tensor_shape).astype(signature.tensor_type)
    except ValueError:
        raise BadFile(
            f"is an image of shape {array.shape}, and the model wants {signature.tensor_shape}"
        ) from None
