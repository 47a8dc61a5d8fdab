"""Write the sample penguins: a labelled table to train with and a folder of files to score.

    python data/penguins/generate.py
    python data/penguins/generate.py --rows 0 --files 100 --rows-per-file 10000 --output /tmp/big

The same options give the same bytes. The penguins are invented, and measure what the real ones of
the Palmer Archipelago do, on the islands where each species lives. A few rows of the labelled table
have gaps, as such tables have.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]

MEASURES = ("CulmenLength", "CulmenDepth", "FlipperLength", "BodyMass")  # mm, mm, mm, g
HEADER = ("Island", *MEASURES)
LABEL = "Species"


@dataclass(frozen=True)
class Species:
    """A species: its measures (means and deviations, as MEASURES), and how many live where."""

    means: tuple[float, float, float, float]
    deviations: tuple[float, float, float, float]
    islands: tuple[tuple[str, int], ...]  # of 344 penguins


SPECIES = (  # a species' number is its place: Adelie 0, Gentoo 1, Chinstrap 2
    Species(
        (38.8, 18.3, 190, 3700),
        (2.7, 1.2, 6.5, 459),
        (("Torgersen", 52), ("Biscoe", 44), ("Dream", 56)),
    ),
    Species((47.5, 15.0, 217, 5076), (3.1, 1.0, 6.5, 504), (("Biscoe", 124),)),
    Species((48.8, 18.4, 196, 3733), (3.3, 1.1, 7.1, 384), (("Dream", 68),)),
)
_COLONIES = [
    (number, island, count)
    for number, species in enumerate(SPECIES)
    for island, count in species.islands
]
_SHARED = 0.6  # of a measure's deviation is the penguin's size, which all measures share
_GAP = 0.03  # of the labelled rows lack something


def draw_penguins(random: np.random.RandomState, rows: int) -> tuple[list[int], list[list[str]]]:
    """Draw `rows` penguins: their species, and their cells as HEADER has them."""
    sizes = np.array([count for _, _, count in _COLONIES], dtype=np.float64)
    colonies = random.choice(len(_COLONIES), rows, p=sizes / sizes.sum())
    size = random.normal(size=(rows, 1))
    own = random.normal(size=(rows, len(MEASURES)))
    species = [_COLONIES[colony][0] for colony in colonies]
    means = np.array([SPECIES[number].means for number in species]).reshape(rows, -1)
    deviations = np.array([SPECIES[number].deviations for number in species]).reshape(rows, -1)
    measures = means + deviations * (_SHARED * size + np.sqrt(1 - _SHARED**2) * own)
    islands = [_COLONIES[colony][1] for colony in colonies]
    cells = [[island, *_texts(row)] for island, row in zip(islands, measures, strict=True)]
    return species, cells


def _texts(measures: Vector) -> list[str]:
    """Return the measures of a penguin as they are written: tenths of a millimetre, and 25 g."""
    length, depth, flipper, mass = measures.tolist()
    return [f"{length:.1f}", f"{depth:.1f}", f"{flipper:.0f}", f"{round(mass / 25) * 25}"]


def leave_gaps(random: np.random.RandomState, cells: list[list[str]]) -> None:
    """Take away some cells: all measures of some penguins, and single ones of others."""
    chances = random.random_sample(len(cells))
    places = random.randint(1, len(HEADER), len(cells))
    for row, chance, place in zip(cells, chances, places, strict=True):
        if chance < _GAP / 2:
            row[1:] = [""] * len(MEASURES)
        elif chance < _GAP:
            row[place] = ""


def write_table(path: Path, header: tuple[str, ...], rows: list[list[str]]) -> None:
    """Write a CSV file with a header."""
    lines = map(",".join, (header, *rows))
    path.write_text("\n".join(lines) + "\n", encoding="ascii", newline="\n")


def write_labeled(output: Path, rows: int, seed: int) -> Path:
    """Write `labeled.csv`: what was measured, and the species."""
    # RandomState: numpy promises its numbers never change, as it does not for default_rng.
    random = np.random.RandomState(seed)
    species, cells = draw_penguins(random, rows)
    leave_gaps(random, cells)
    path = output / "labeled.csv"
    labeled = [[*row, str(number)] for row, number in zip(cells, species, strict=True)]
    write_table(path, (*HEADER, LABEL), labeled)
    return path


def write_unlabeled(output: Path, files: int, rows_per_file: int, seed: int) -> Iterator[Path]:
    """Write `unlabeled/penguins-*.csv`: no species, no gaps. Yields each path when it is written.

    The numbers in the names are padded, so that order by name is order by number.
    """
    # A stream of its own: the labelled table's size must not change these penguins.
    random = np.random.RandomState(seed + 1)
    folder = output / "unlabeled"
    folder.mkdir(exist_ok=True)
    width = len(str(files))
    for number in range(1, files + 1):
        path = folder / f"penguins-{number:0{width}}.csv"
        write_table(path, HEADER, draw_penguins(random, rows_per_file)[1])
        yield path


def main() -> None:
    """Parse the command line and write what it asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=344, help="labelled rows; 0 for no table")
    parser.add_argument("--files", type=int, default=3, help="unlabelled files; 0 for none")
    parser.add_argument("--rows-per-file", type=int, default=50)
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
