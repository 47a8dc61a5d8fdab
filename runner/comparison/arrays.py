"""Turns Arrow's arrays into NumPy's, and reads CSV in batches, without pandas.

Arrow's own `to_numpy` imports it first, as do scalars that are given without their type, and that
takes longer than comparing a hundred thousand rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray
    from pyarrow import csv

_SMALL = 4 << 20  # bytes of a file that is read in one piece
_BLOCK = 1 << 20  # bytes of a larger one that are read at a time; more cost memory


def numbers_of(values: pa.Array) -> NDArray[np.float64]:
    """Return an array of doubles; NaN where there is none. It can't be written to."""
    import numpy as np

    return _filled(values, np.float64, np.nan)


def whole_numbers_of(values: pa.Array, missing: int = 0) -> NDArray[np.int32]:
    """Return an array of whole numbers of 32 bits; `missing` where there is none.

    It can't be written to.
    """
    import numpy as np

    return _filled(values, np.int32, missing)


def _filled(values: pa.Array, kind: Any, missing: float) -> NDArray[Any]:
    """Return values of a type of NumPy's. A scalar of Arrow's, to fill them there, is what has
    pandas imported."""
    import numpy as np

    content = values.buffers()[1]
    if content is None or not len(values):
        return np.full(len(values), missing, kind)
    size = np.dtype(kind).itemsize
    found = np.frombuffer(content, kind, len(values), size * values.offset)
    if not values.null_count:
        return found
    return np.where(truths_of(values.is_null()), kind(missing), found)


def truths_of(values: pa.Array) -> NDArray[np.bool_]:
    """Return an array of booleans, of which none is missing. It can't be written to."""
    import numpy as np
    import pyarrow as pa

    return np.from_dlpack(values.cast(pa.uint8())).view(np.bool_)


def csv_batches(
    path: Path,
    convert: csv.ConvertOptions,
    parse: csv.ParseOptions | None = None,
    names: Sequence[str] | None = None,
    *,
    in_one_block: bool = False,
) -> Iterable[pa.RecordBatch]:
    """Return the rows of a CSV file in batches; `names` are its columns where it has no header.

    A text with line breaks needs a file that is read `in_one_block`.
    """
    from pyarrow import csv

    size = path.stat().st_size
    small = size <= _SMALL
    read = csv.ReadOptions(
        column_names=names,
        block_size=size + 1 if small or in_one_block else _BLOCK,
        use_threads=not small,
    )
    # A thread that reads ahead costs more than it saves where there is little to read.
    if small:
        batches: Iterable[pa.RecordBatch] = csv.read_csv(path, read, parse, convert).to_batches()
        return batches
    return csv.open_csv(path, read, parse, convert)  # type: ignore[no-any-return]
