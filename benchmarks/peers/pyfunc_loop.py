"""A plain loop of mlflow.pyfunc and pandas over the files, as in most notebooks.

    python -m benchmarks.peers.pyfunc_loop MODEL-FOLDER FOLDER OUTPUT.csv

Needs mlflow and pandas. Each row written is: row number in its file, prediction, file name.
"""

from __future__ import annotations

import sys
from pathlib import Path

import mlflow.pyfunc
import pandas as pd


def main() -> None:
    """Score file after file with the generic loader."""
    model_folder, folder, output = map(Path, sys.argv[1:])
    model = mlflow.pyfunc.load_model(str(model_folder))
    with output.open("w", newline="") as file:
        for path in sorted(folder.glob("*.csv")):
            # The signature wants doubles, and pyfunc refuses whole numbers for them.
            patients = pd.read_csv(path, dtype="float64")
            predictions = pd.DataFrame({"prediction": model.predict(patients), "file": path.name})
            predictions.to_csv(file, header=False)


if __name__ == "__main__":
    main()
