"""Arrow's arrays as NumPy's, without pandas.

Arrow's own `to_numpy` imports it first, as do scalars that are given without their type, and that
takes longer than comparing a hundred thousand rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


def numbers_of(values: pa.Array) -> NDArray[np.float64]:
    """Return an array of doubles; NaN where there is none. It can't be written to."""
    import numpy as np

    # Filled in here: a scalar that is NaN has pandas asked whether it is missing.
    found = np.frombuffer(values.buffers()[1], np.float64, len(values), 8 * values.offset)
    return np.where(truths_of(values.is_null()), np.nan, found) if values.null_count else found


def whole_numbers_of(values: pa.Array) -> NDArray[Any]:
    """Return an array of whole numbers, of which none is missing. It can't be written to."""
    import numpy as np

    return np.from_dlpack(values)


def truths_of(values: pa.Array) -> NDArray[np.bool_]:
    """Return an array of booleans, of which none is missing. It can't be written to."""
    import numpy as np
    import pyarrow as pa

    return np.from_dlpack(values.cast(pa.uint8())).view(np.bool_)
