"""Write the sample patients: a labelled table to train with and a folder of files to score.

    python data/diabetes/generate.py
    python data/diabetes/generate.py --rows 0 --files 100 --rows-per-file 10000 --output /tmp/big

The same options give the same bytes. The patients are invented: no row comes from a person.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Column:
    """A measurement's form: its range, and the number of its decimals."""

    name: str
    low: float
    high: float
    decimals: int = 0


FEATURES = (
    Column("Pregnancies", 0, 14),
    Column("PlasmaGlucose", 44, 199),
    Column("DiastolicBloodPressure", 38, 122),
    Column("TricepsThickness", 7, 90),
    Column("SerumInsulin", 14, 800),
    Column("BMI", 18.2, 58.0, decimals=1),
    Column("DiabetesPedigree", 0.078, 2.4, decimals=3),
    Column("Age", 21, 81),
)
LABEL = Column("Diabetic", 0, 1)


def draw_patients(random: np.random.RandomState, rows: int) -> dict[str, Vector]:
    """Draw `rows` patients: feature name → values, each of shape (rows,).

    Older patients have had more pregnancies, heavier ones thicker skin folds and more glucose,
    and insulin follows glucose, so the columns are as entangled as real ones are.
    """
    age = 21 + random.gamma(1.5, 8.0, rows)
    pregnancies = random.poisson(0.6 + 0.09 * (age - 21))
    bmi = 18 + random.gamma(3.2, 4.3, rows)
    glucose = 85 + 0.5 * bmi + 0.3 * (age - 21) + random.normal(0, 28, rows)
    return {
        "Pregnancies": pregnancies.astype(np.float64),
        "PlasmaGlucose": glucose,
        "DiastolicBloodPressure": 58 + 0.3 * bmi + 0.15 * age + random.normal(0, 10, rows),
        "TricepsThickness": 0.9 * bmi + random.normal(0, 8, rows),
        "SerumInsulin": np.exp(3.0 + 0.014 * glucose + random.normal(0, 0.55, rows)),
        "BMI": bmi,
        "DiabetesPedigree": 0.078 + random.gamma(1.3, 0.28, rows),
        "Age": age,
    }


def draw_labels(random: np.random.RandomState, patients: Mapping[str, Vector]) -> Vector:
    """Draw who is diabetic, about one in three: 0 or 1, shape (rows,)."""
    risk = (
        0.22 * (patients["Pregnancies"] - 2)
        + 0.045 * (patients["PlasmaGlucose"] - 105)
        + 0.01 * (patients["DiastolicBloodPressure"] - 72)
        + 0.11 * (patients["BMI"] - 32)
        + 1.4 * (patients["DiabetesPedigree"] - 0.44)
        + 0.05 * (patients["Age"] - 33)
    )
    chance = 1 / (1 + np.exp(1.1 - risk))
    return (random.random_sample(len(chance)) < chance).astype(np.float64)


@functools.cache
def texts_of(column: Column) -> npt.NDArray[np.object_]:
    """List every text a column can hold, from its lowest value to its highest."""
    scale = 10**column.decimals
    steps = range(round(column.low * scale), round(column.high * scale) + 1)
    return np.array([f"{step / scale:.{column.decimals}f}" for step in steps], dtype=object)


def format_column(column: Column, values: Vector) -> list[str]:
    """Write one column's values as text, clipped to its range, with its number of decimals.

    A column has a few thousand different texts at most: looking them up is what makes
    writing millions of rows quick.
    """
    texts = texts_of(column)
    steps = np.rint((values - column.low) * 10**column.decimals).astype(np.int64)
    written: list[str] = texts[np.clip(steps, 0, len(texts) - 1)].tolist()
    return written


def write_table(path: Path, columns: tuple[Column, ...], values: Mapping[str, Vector]) -> None:
    """Write a CSV file with a header."""
    texts = [format_column(column, values[column.name]) for column in columns]
    lines = [",".join(column.name for column in columns), *map(",".join, zip(*texts, strict=True))]
    path.write_text("\n".join(lines) + "\n", encoding="ascii", newline="\n")


def write_labeled(output: Path, rows: int, seed: int) -> Path:
    """Write `labeled.csv`: the eight features and the label."""
    # RandomState: numpy promises its numbers never change, as it does not for default_rng.
    random = np.random.RandomState(seed)
    patients = draw_patients(random, rows)
    path = output / "labeled.csv"
    write_table(path, (*FEATURES, LABEL), {**patients, "Diabetic": draw_labels(random, patients)})
    return path


def write_unlabeled(output: Path, files: int, rows_per_file: int, seed: int) -> Iterator[Path]:
    """Write `unlabeled/patients-*.csv`: the features alone. Yields each path when it is written.

    The numbers in the names are padded, so that order by name is order by number.
    """
    # A stream of its own: the labelled table's size must not change these patients.
    random = np.random.RandomState(seed + 1)
    folder = output / "unlabeled"
    folder.mkdir(exist_ok=True)
    width = len(str(files))
    for number in range(1, files + 1):
        path = folder / f"patients-{number:0{width}}.csv"
        write_table(path, FEATURES, draw_patients(random, rows_per_file))
        yield path


def main() -> None:
    """Parse the command line and write what it asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=2000, help="labelled rows; 0 for no table")
    parser.add_argument("--files", type=int, default=4, help="unlabelled files; 0 for none")
    parser.add_argument("--rows-per-file", type=int, default=100)
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--seed", type=int, default=20)
    options = parser.parse_args()

    options.output.mkdir(parents=True, exist_ok=True)
    if options.rows:
        print(f"{write_labeled(options.output, options.rows, options.seed)}: {options.rows} rows")
    if options.files:
        written = write_unlabeled(
            options.output, options.files, options.rows_per_file, options.seed
        )
        count = sum(1 for _ in written)
        print(f"{options.output / 'unlabeled'}: {count} files of {options.rows_per_file} rows")


if __name__ == "__main__":
    main()
