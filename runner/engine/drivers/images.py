"""Reading an image as what a model is given for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runner.engine.drivers.bad_file import BadFile
from runner.engine.drivers.feed import Feed
from runner.engine.drivers.packages import way_to_have
from runner.engine.mlmodel import Signature, Tensor
from runner.engine.text import one_line
from runner.errors import JobFailed


def read_image_feed(path: Path, signature: Signature) -> Feed:
    """Read an image for a model with this signature.

    Raises BadFile, and OSError where the file can't be opened.
    """
    return Feed(_as_wanted(path, signature), None)


def _as_wanted(path: Path, signature: Signature) -> Any:
    columns = signature.columns or signature.loose_columns
    if len(columns) == 1 and columns[0].type == "binary":
        import pandas as pd

        content = _bytes(path)
        read_image(path)  # which refuses a picture that Pillow can't read, as Azure's driver does
        return pd.DataFrame({columns[0].name or 0: [content]})
    if columns:
        raise BadFile(
            "is an image, and the model takes columns: an image goes to a model without a"
            " signature, with one tensor or with one column of type binary"
        )
    if signature.tensors:
        return read_image_as(path, signature.tensors[0])
    return read_image(path)


def read_image(path: Path) -> Any:
    """Read an image as an array of shape (1, height, width) or (1, height, width, channels).

    Its elements are unsigned bytes, as on Azure for a model without a signature: of 16-bit grey
    the low bytes, of a palette the indices, of black and white 0 and 1. Raises BadFile.
    """
    return _pixels(path).astype("uint8")[None]


def read_image_as(path: Path, tensor: Tensor) -> Any:
    """Read an image as an array of a tensor's type and shape, as Azure does.

    For shape (-1,) that is an array of length 1 whose element is the picture as it is. Raises
    BadFile for a broken image, and for one that doesn't fit the shape.
    """
    import numpy as np

    pixels = _pixels(path)
    if tensor.shape == (-1,):
        batch = np.empty(1, dtype=tensor.type)
        try:
            batch[0] = pixels
        except (ValueError, TypeError):
            raise BadFile(
                f"is an image, and the model wants shape (-1,) of type {tensor.type}: an image"
                " takes type object there"
            ) from None
        return batch
    try:
        return pixels.astype(tensor.type).reshape(tensor.shape)
    except (ValueError, TypeError):
        raise BadFile(
            f"is an image of shape {pixels.shape}, and the model wants {tensor.shape}"
        ) from None


def _pixels(path: Path) -> Any:
    """Return an image's pixels, of the shape and type that Pillow gives them; of several, the
    first's."""
    import numpy as np

    try:
        from PIL import Image
    except ModuleNotFoundError:
        way = way_to_have(["pillow"], "mlflow")
        raise JobFailed(f"images need the package pillow: {way}") from None
    try:
        with Image.open(path) as image:
            return np.array(image)  # a copy, which models may change
    except Exception as error:  # Pillow's formats raise whatever broken bytes lead to
        raise BadFile(f"is not a readable image: {one_line(error)}") from None


def _bytes(path: Path) -> bytes:
    content = path.read_bytes()
    if not content:
        raise BadFile("is empty")
    return content
