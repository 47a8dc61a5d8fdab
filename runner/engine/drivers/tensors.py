"""Reading a CSV file as a tensor, the way Azure does it."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

from runner.engine.drivers.bad_file import BadFile
from runner.engine.mlmodel import Tensor
from runner.engine.text import one_line


def read_tensor(path: Path, tensor: Tensor) -> Any:
    """Read a CSV file as `numpy.genfromtxt` does with a tensor's type and shape.

    A line is cells between blanks, without a header, and fills one such shape: (2, 2) takes four
    cells. The array of a file of one line has the tensor's shape, that of more lines one axis
    more. Cells too many are dropped, and a word is NaN (or -1, or false).
    Raises BadFile where NumPy can't, which is so for every shape with a -1, and OSError where the
    file can't be opened.
    """
    import numpy as np

    if any(size < 0 for size in tensor.shape):
        raise BadFile(
            f"is a CSV file, and the model wants a tensor of shape {tensor.shape}: NumPy, with"
            " which Azure reads it, takes no -1 in a shape; give the model Parquet files or"
            " images, or save it with a signature of columns"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an empty file is told below
            array = np.genfromtxt(path, dtype=(np.dtype(tensor.type), tensor.shape))
    except (ValueError, TypeError, OverflowError) as error:
        raise BadFile(
            f"can't be read as a tensor of shape {tensor.shape} and type {tensor.type}, for which"
            f" a line has {math.prod(tensor.shape)} cells between blanks and no header:"
            f" {one_line(error)}"
        ) from None
    if not array.size:
        raise BadFile("is empty")
    return array
