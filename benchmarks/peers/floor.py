"""The floor: a program written by hand that scores a folder of tables, and nothing more.

    python -m benchmarks.peers.floor MODEL.pkl FOLDER OUTPUT.csv

One process. Each row written is: row number in its file, prediction, file name. No checks, no
retries, no progress, no record of the run.
"""

from __future__ import annotations

import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv


def load_model(path: Path) -> Any:
    """Unpickle a scikit-learn model that was trained on named columns."""
    # A matrix has no column names, and scikit-learn warns about it on every call.
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    with path.open("rb") as file:
        return pickle.load(file)


def score(model: Any, files: list[Path], output: Path) -> None:
    """Predict every row of `files` and write the rows to `output`."""
    names = model.feature_names_in_.tolist()
    # Files are too small to divide among threads: one thread is the quickest.
    reading = pyarrow.csv.ReadOptions(use_threads=False)
    converting = pyarrow.csv.ConvertOptions(
        include_columns=names, column_types=dict.fromkeys(names, pa.float64())
    )
    schema = pa.schema([("row", pa.int64()), ("prediction", pa.int64()), ("file", pa.string())])
    writing = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    with pyarrow.csv.CSVWriter(output, schema, write_options=writing) as writer:
        for path in files:
            table = pyarrow.csv.read_csv(path, reading, convert_options=converting)
            predictions = model.predict(np.column_stack([c.to_numpy() for c in table.columns]))
            rows = len(predictions)
            columns = [np.arange(rows), predictions, pa.repeat(path.name, rows)]
            writer.write(pa.record_batch(columns, schema=schema))


if __name__ == "__main__":
    model_path, folder, output_path = map(Path, sys.argv[1:])
    score(load_model(model_path), sorted(folder.glob("*.csv")), output_path)
