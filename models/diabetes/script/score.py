"""A scoring script: the class of each patient and how sure the model is of it.

Azure Machine Learning, and the local environment like it, does this with the file:

- it starts one process after another, `max_concurrency_per_instance` of them on each instance,
  and calls `init()` once in each;
- it sets AZUREML_MODEL_DIR to the folder the model was put in. A registered folder lies one
  level below it, under its own name, so what is looked for is the file `MLmodel`;
- it calls `run(mini_batch)` with a list of at most `mini_batch_size` file paths, again and again
  until no file is left. If that raises, the whole mini-batch is tried again, so `run` keeps
  nothing between calls;
- with `output_action: append_row` it writes each element that `run` returns as one line of
  `output_file_name`. Fewer elements than files counts as files that failed.

Printed lines go to the job's logs.
"""

import csv
import io
import os
import pickle
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
from sklearn.pipeline import Pipeline

model: Pipeline


def init() -> None:
    """Load the model, once in each process."""
    global model
    root = Path(os.environ["AZUREML_MODEL_DIR"])
    folders = sorted(path.parent for path in root.rglob("MLmodel"))
    if not folders:
        raise FileNotFoundError(f"no MLmodel file in {root} or below it: is this an MLflow model?")
    started = time.perf_counter()
    with (folders[0] / "model.pkl").open("rb") as file:
        model = pickle.load(file)
    print(f"loaded {folders[0].name} in {time.perf_counter() - started:.2f} s")


def run(mini_batch: list[str]) -> list[str]:
    """Score some files.

    Returns one line for each patient: file name, row number in the file from 0, the class, and
    the probability the model gives that class.
    """
    lines = []
    for path in map(Path, mini_batch):
        patients = read_patients(path)
        probabilities = model.predict_proba(patients)
        classes = model.classes_[probabilities.argmax(axis=1)].tolist()
        certainties = probabilities.max(axis=1).tolist()
        lines += format_lines(path.name, classes, certainties)
        print(f"{path.name}: {len(classes)} patients, {sum(classes)} of them diabetic")
    return lines


def read_patients(path: Path) -> pa.Table:
    """Read the columns the model was trained with, in its order, as doubles.

    Raises pyarrow.ArrowInvalid for text in a number column, pyarrow.ArrowKeyError for a column
    the file lacks.
    """
    names = model.feature_names_in_.tolist()
    options = pyarrow.csv.ConvertOptions(
        include_columns=names, column_types=dict.fromkeys(names, pa.float64())
    )
    return pyarrow.csv.read_csv(path, convert_options=options)


def format_lines(file: str, classes: list[int], certainties: list[float]) -> list[str]:
    """Write rows as CSV lines. A csv.writer, because a file's name may hold a comma."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row, (predicted, certainty) in enumerate(zip(classes, certainties, strict=True)):
        writer.writerow([file, row, predicted, f"{certainty:.4f}"])
    return text.getvalue().splitlines()
