"""Time `runner models compare` next to scoring both versions, one after the other.

    python benchmarks/comparing.py             a tenth of a million rows and a million, five rounds
    python benchmarks/comparing.py --quick     a tenth of that, once: does it work?

Whole processes in turn on one workspace with two versions of the sample model, of which the second
answers 5 % of the rows otherwise. What is compared with is `runner score` of the same data, twice.
The memory is that of the command, in which the answers are put side by side.
"""

from __future__ import annotations

import argparse
import json
import pickle
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.cases import MODEL, Bench, data_folder
from benchmarks.findings import (
    Finding,
    Target,
    compare,
    describe_machine,
    format_table,
    write_results,
)
from benchmarks.memory import measure_peaks
from benchmarks.timing import ROOT, Program, run_once, time_in_turn

ROUNDS = 5
ROWS_PER_FILE = 10_000
FILES = (10, 100)  # a tenth of a million rows, and a million
SHIFT = 0.3  # added to the sample model's intercept


def make_versions(home: Path, folder: Path) -> dict[str, str]:
    """Register the sample model and one that answers otherwise; return the environment of both."""
    environment = {"RUNNER_HOME": str(home), "RUNNER_ENV_MANAGER": "local"}
    moved = folder / "model"
    shutil.copytree(MODEL, moved)
    fitted = pickle.loads((moved / "model.pkl").read_bytes())
    fitted[-1].intercept_ = fitted[-1].intercept_ + SHIFT
    (moved / "model.pkl").write_bytes(pickle.dumps(fitted))
    for path in (MODEL, moved):
        words = ("models", "register", "--name", "diabetes-mlflow", "--path", str(path))
        command = [sys.executable, "-m", "runner", *words]
        run_once(_program("register", command, environment), folder)
    return environment


def _program(name: str, command: Sequence[str], environment: Mapping[str, str]) -> Program:
    return Program(name, lambda _: command, environment)


def measure(bench: Bench, rounds: int) -> list[Finding]:
    """Time both, and measure the command's memory, at each number of rows."""
    findings = []
    peaks = []
    with tempfile.TemporaryDirectory(prefix="comparing-", dir=bench.work) as made:
        folder = Path(made)
        environment = make_versions(folder / "home", folder)
        for number in map(bench.size, FILES):
            data = data_folder(bench, number, ROWS_PER_FILE)
            runner = [sys.executable, "-m", "runner"]
            score = shlex.join([*runner, "score", "diabetes-batch", "--data", str(data)])
            words = [*runner, "models", "compare", "1", "2", "--data", str(data), "-o", "json"]
            both = _program("scores", ["sh", "-c", f"{score} && {score}"], environment)
            compared = _program("compare", words, environment)
            found = json.loads(run_once(compared, folder).stdout)
            run_once(both, folder)
            if found["rows"] != number * ROWS_PER_FILE or not found["changed"]:
                sys.exit(f"{found['rows']:,} rows were compared, {found['changed']:,} changed")
            seconds = time_in_turn([compared, both], rounds, folder)
            what = f"{number * ROWS_PER_FILE:,} rows: compare / scoring twice"
            target = Target("at most", 1.2) if number == max(map(bench.size, FILES)) else None
            findings.append(compare(what, seconds, "compare", "scores", target))
            peaks.append(measure_peaks(compared, folder)["command"].rss_mb)
            findings.append(Finding(f"{number * ROWS_PER_FILE:,} rows: memory", (peaks[-1],), "MB"))
    flat = Target("at most", 1.2)
    findings.append(Finding("memory, ten times the rows", (peaks[-1] / peaks[0],), target=flat))
    return findings


def main() -> None:
    """Exits with 1 where a target was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small and once; targets not judged")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    machine = describe_machine()
    print(", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in machine.items()))
    with tempfile.TemporaryDirectory(prefix="comparing-") as made:
        bench = Bench(Path(made), sys.executable, sys.executable, None, quick=options.quick)
        findings = measure(bench, bench.rounds(options.rounds))
    print(format_table(findings, judged=not options.quick))
    write_results(ROOT / "benchmarks" / "results" / "comparing.json", findings, options.quick)
    sys.exit(not (options.quick or all(finding.passed is not False for finding in findings)))


if __name__ == "__main__":
    main()
