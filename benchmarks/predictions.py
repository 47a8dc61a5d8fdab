"""Counts the predictions in output files, whoever wrote them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.csv


def count_predictions(paths: list[Path]) -> dict[str, int]:
    """Count the rows of each prediction over all `paths`, a block of a file at a time."""
    reading = pyarrow.csv.ReadOptions(column_names=["row", "prediction", "file"])
    converting = pyarrow.csv.ConvertOptions(
        include_columns=["prediction"], column_types={"prediction": pa.string()}
    )
    counts: Counter[str] = Counter()
    # An empty part is what Spark writes for a partition without rows; Arrow refuses it.
    for path in (path for path in paths if path.stat().st_size):
        for block in pyarrow.csv.open_csv(path, reading, convert_options=converting):
            for pair in block.column("prediction").value_counts().to_pylist():
                counts[pair["values"]] += pair["counts"]
    return dict(sorted(counts.items()))
