"""Holds what all benchmarks share: where they work, with which Pythons, how programs are paired."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.findings import Finding, compare
from benchmarks.predictions import count_predictions
from benchmarks.timing import OUTPUT, ROOT, Program, ProgramFailed, Run, run_once, time_in_turn

MODEL = ROOT / "models" / "diabetes" / "model"
SAMPLE = ROOT / "data" / "diabetes" / "unlabeled"
RUNNER = "runner"
ROWS = 10_000  # of a generated file, where a benchmark doesn't say otherwise
MLFLOW_VARIABLES = {"MLFLOW_DISABLE_TELEMETRY": "true"}
# More threads than the cores that a peer is given fight over them; the runner sets the same.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Bench:
    """The places, Pythons and sizes to measure with."""

    work: Path  # generated data, outputs and the runner's workspaces
    python: str = sys.executable  # runs the runner and the floors
    pyfunc_python: str = sys.executable  # has mlflow and pandas
    spark_python: str | None = None  # has pyspark; None leaves Spark out
    peers_python: Path | None = None  # has azmlinfsrv and mlflow; None: uv makes an environment
    quick: bool = False  # a tenth of the files and rows, one round: to see that it works

    def rounds(self, wanted: int) -> int:
        """Return how often to measure."""
        return 1 if self.quick else wanted

    def size(self, wanted: int) -> int:
        """Return how many files, rows or bytes to measure with."""
        return max(1, wanted // 10) if self.quick else wanted

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give a folder that is removed at the end."""
        with tempfile.TemporaryDirectory(prefix="scratch-", dir=self.work) as folder:
            yield Path(folder).resolve()

    def data(self, files: int, rows: int = ROWS, kind: str = "diabetes") -> Path:
        """Return a folder of generated files, made unless an earlier run with this `work` has."""
        parent = self.work / f"{kind}-{files}x{rows}"
        done = parent / "done"
        if not done.exists():
            shutil.rmtree(parent, ignore_errors=True)
            generator = str(ROOT / "data" / kind / "generate.py")
            size = ["--rows", "0", "--files", str(files), "--rows-per-file", str(rows)]
            command = [self.pyfunc_python, generator, *size, "--output", str(parent)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            done.touch()
        return parent / "unlabeled"

    def runner(
        self,
        *words: str,
        home: Path | None = None,
        name: str = RUNNER,
        python: str | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Program:
        """Return a command of the runner, in the workspace at `home`, which its runs share."""
        own = {"RUNNER_HOME": str(home)} if home else {}
        command = [python or self.python, "-m", "runner", *words]
        return Program(name, command, {**own, **(variables or {})})

    def score(
        self,
        data: Path,
        home: Path,
        *options: str,
        name: str = RUNNER,
        endpoint: str = "diabetes-batch",
        python: str | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Program:
        """Return `runner score` of a folder or file."""
        words = ("score", endpoint, "--data", str(data), *options, "-o", "json")
        return self.runner(*words, home=home, name=name, python=python, variables=variables)

    def peer(
        self, name: str, module: str, python: str, model: Path, data: Path, *outputs: str
    ) -> Program:
        """Return a program of benchmarks/peers, which writes to `outputs`, names below a folder."""
        written = [f"{OUTPUT}/{output}" for output in outputs]
        command = [python, "-m", f"benchmarks.peers.{module}", str(model), str(data), *written]
        return Program(name, command, ONE_THREAD)

    def check_agreement(self, programs: Sequence[Program], scratch: Path) -> None:
        """Run each program once, to warm up, and see that all made the same predictions.

        Raises ProgramFailed where they differ, or where the runner's summary and file do.
        """
        counts: dict[str, dict[str, int]] = {}
        for program in programs:
            run = run_once(program, scratch)
            if "runner" in program.command:
                told = summary(run)
                counts[f"{program.name}'s summary"] = dict(sorted(told["predictions"].items()))
                counts[program.name] = count_predictions([Path(told["output"])])
            else:
                counts[program.name] = count_predictions(sorted(run.output.rglob("*.csv")))
            shutil.rmtree(run.output)
        expected = next(iter(counts.values()))
        if not expected or any(found != expected for found in counts.values()):
            raise ProgramFailed(f"the programs don't agree on the predictions: {counts}")

    def ratio(
        self,
        what: str,
        over: Program,
        under: Program,
        rounds: int,
        scratch: Path,
        *,
        warm: bool = True,
        at_most: float | None = None,
        at_least: float | None = None,
    ) -> Finding:
        """Time two programs in turn, by default after a run of each, and divide their seconds."""
        if warm:
            time_in_turn([over, under], 1, scratch)
        seconds = time_in_turn([over, under], self.rounds(rounds), scratch)
        return compare(what, seconds, over.name, under.name, at_most=at_most, at_least=at_least)


def summary(run: Run) -> dict[str, Any]:
    """Return what the runner printed with `-o json`."""
    told: dict[str, Any] = json.loads(run.stdout)
    return told


def amount(files: int, rows: int = ROWS) -> str:
    """Return how much data that is, for the name of a figure."""
    return f"{files * rows / 1e6:g}M rows in {files:,} files"


def path_with_uv() -> str:
    """Return a PATH on which the repository's own uv is found first."""
    return os.pathsep.join([str(ROOT / ".uv" / "bin"), os.environ.get("PATH", "")])
