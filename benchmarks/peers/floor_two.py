"""The floor for two cores: two processes, half of the files and an output file each.

    python -m benchmarks.peers.floor_two MODEL.pkl FOLDER OUTPUT-1.csv OUTPUT-2.csv

They are forked after the imports and the load of the model. The two outputs are not joined.
"""

from __future__ import annotations

import multiprocessing
import sys
from pathlib import Path

from benchmarks.peers.floor import load_model, score


def main() -> None:
    """Score both halves at once; exits with 1 if either process failed."""
    model_path, folder, *outputs = map(Path, sys.argv[1:])
    model = load_model(model_path)
    files = sorted(folder.glob("*.csv"))
    half = (len(files) + 1) // 2
    fork = multiprocessing.get_context("fork")
    processes = [
        fork.Process(target=score, args=(model, part, output))
        for part, output in zip((files[:half], files[half:]), outputs, strict=True)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    sys.exit(any(process.exitcode for process in processes))


if __name__ == "__main__":
    main()
