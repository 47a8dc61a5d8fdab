"""Measure the Spark pool: against Spark alone, against `spark_udf`, and against the process pool.

    python benchmarks/spark.py              a million penguins, a million patients
    python benchmarks/spark.py udf          some of: penguins, udf, patients, memory
    python benchmarks/spark.py memory       peak memory at 5 and at 20 million penguins
    python benchmarks/spark.py --quick      a tenth of the size, once: does it work?

Everything runs in this Python, which needs the dependency group `spark`, and on Java.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.cases import Bench, count, data_folder  # noqa: E402
from benchmarks.findings import (  # noqa: E402
    Finding,
    Target,
    compare,
    describe_machine,
    format_table,
    write_results,
)
from benchmarks.memory import measure_peaks  # noqa: E402
from benchmarks.timing import Program, ProgramFailed, run_once, time_in_turn  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"
PENGUINS = ROOT / "models" / "penguins" / "model"
POOL, ALONE, UDF, PROCESSES = "Spark pool", "Spark alone", "spark_udf", "process pool"
_TWO = ("--set", "max_concurrency_per_instance=2")  # as many cores as the others have


def penguins(bench: Bench, files: int) -> Path:
    """Generate a folder of so many files of 10,000 penguins, unless an earlier run has."""
    parent = bench.work / f"penguins-{files}"
    done = parent / "done"
    if not done.exists():
        shutil.rmtree(parent, ignore_errors=True)
        generator = ROOT / "data" / "penguins" / "generate.py"
        size = ["--rows", "0", "--files", str(files), "--rows-per-file", "10000"]
        command = [bench.python, str(generator), *size, "--output", str(parent)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        done.touch()
    return parent / "unlabeled"


def pool_program(
    bench: Bench, endpoint: str, data: Path, home: Path, engine: str, name: str
) -> Program:
    """`runner score` by one of the engines, in a workspace of its own that its runs share."""
    command = [bench.python, "-m", "runner", "score", endpoint, "--engine", engine, *_TWO]
    return Program(
        name,
        lambda _output: [*command, "--data", str(data), "-o", "json"],
        {"RUNNER_HOME": str(home)},
    )


def peer_program(bench: Bench, name: str, module: str, data: Path) -> Program:
    """Another way to score penguins with Spark."""
    return Program(
        name,
        lambda output: [
            *(bench.python, "-m", f"benchmarks.peers.{module}"),
            *(str(PENGUINS), str(data), str(output / "parts")),
        ],
    )


def measure_penguins(bench: Bench) -> list[Finding]:
    """A million penguins in 100 files: the Spark pool against bare read, transform and write."""
    return _against(bench, ALONE, "spark_transform", Target("at most", 1.3), rounds=5)


def measure_udf(bench: Bench) -> list[Finding]:
    """A million penguins in 100 files: `mlflow.pyfunc.spark_udf` against the Spark pool."""
    return _against(bench, UDF, "spark_udf_penguins", None, rounds=1)


def _against(
    bench: Bench, name: str, module: str, target: Target | None, rounds: int
) -> list[Finding]:
    files = bench.size(100)
    data = penguins(bench, files)
    with _scratch(bench) as folder:
        scratch = Path(folder)
        pool = pool_program(bench, "penguins-batch", data, scratch / "home", "spark", POOL)
        peer = peer_program(bench, name, module, data)
        if name == ALONE:
            _check_rows(pool, peer, scratch, files * 10_000)
        seconds = time_in_turn([pool, peer], bench.rounds(rounds), scratch)
    what = f"{files / 100:g}M penguins in {files} files: "
    if target is None:
        return [compare(f"{what}{name} / {POOL}", seconds, name, POOL)]
    return [compare(f"{what}{POOL} / {name}", seconds, POOL, name, target)]


def _check_rows(pool: Program, peer: Program, scratch: Path, rows: int) -> None:
    """Run both once, to warm up. Raises ProgramFailed where one lost a row."""
    summary = json.loads(run_once(pool, scratch).stdout)
    written = run_once(peer, scratch).output
    lines = sum(part.read_bytes().count(b"\n") for part in written.rglob("*.csv"))
    if (summary["rows"], lines) != (rows, rows):
        raise ProgramFailed(f"of {rows} rows the pool scored {summary['rows']}, Spark {lines}")


def measure_patients(bench: Bench) -> list[Finding]:
    """A million patients in 100 files, scikit-learn: the Spark pool against the process pool."""
    files = bench.size(100)
    data = data_folder(bench, files, 10_000)
    with _scratch(bench) as folder:
        scratch = Path(folder)
        programs = [
            pool_program(bench, "diabetes-batch", data, scratch / name, engine, name)
            for name, engine in ((POOL, "spark"), (PROCESSES, "process"))
        ]
        found = [
            count(bench, [Path(json.loads(run_once(program, scratch).stdout)["output"])])
            for program in programs
        ]
        if found[0] != found[1]:
            raise ProgramFailed(f"the pools don't agree on the predictions: {found}")
        seconds = time_in_turn(programs, bench.rounds(3), scratch)
    what = f"{files / 100:g}M patients in {files} files: {POOL} / {PROCESSES}"
    return [compare(what, seconds, POOL, PROCESSES)]


def measure_memory(bench: Bench) -> list[Finding]:
    """5 and 20 million penguins on local[2]: the peak memory of the host and of what it starts."""
    peaks = {}
    for files in (bench.size(500), bench.size(2000)):
        with _scratch(bench) as folder:
            scratch = Path(folder)
            data = penguins(bench, files)
            pool = pool_program(bench, "penguins-batch", data, scratch / "home", "spark", POOL)
            peaks[files] = measure_peaks(pool, scratch)
    few, many = peaks
    findings = [
        Finding(f"{files / 100:g}M penguins: peak memory, {what}", (peak[role].rss_mb,), "MB")
        for files, peak in peaks.items()
        for role, what in (("host", "the job's host"), ("worker", "the JVM or a Python worker"))
    ]
    findings += [
        Finding(
            f"peak memory of the {role}: {many / 100:g}M / {few / 100:g}M penguins",
            (peaks[many][role].rss_mb / peaks[few][role].rss_mb,),
            "×",
            Target("at most", 1.2),
        )
        for role in ("host", "worker")
    ]
    return findings


def _scratch(bench: Bench) -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="scratch-", dir=bench.work)


CASES: dict[str, Callable[[Bench], list[Finding]]] = {
    "penguins": measure_penguins,
    "udf": measure_udf,
    "patients": measure_patients,
    "memory": measure_memory,
}


def main() -> None:
    """Measure, print a table and keep the raw seconds. Exits with 1 where a target was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CASES)}")
    parser.add_argument("--quick", action="store_true", help="small and once; targets not judged")
    parser.add_argument("--work", type=Path, help="keep generated data here for the next time")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in CASES]:
        parser.error(f"no benchmark {unknown[0]!r}: there are {', '.join(CASES)}")
    print(", ".join(f"{key.replace('_', ' ')}: {it}" for key, it in describe_machine().items()))
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        work = (options.work or Path(folder)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        bench = Bench(work, sys.executable, sys.executable, sys.executable, quick=options.quick)
        missed = False
        for name in options.names or ("penguins", "udf", "patients"):
            findings = CASES[name](bench)
            print(format_table(findings, judged=not options.quick), flush=True)
            write_results(RESULTS / f"spark-{name}.json", findings, options.quick)
            missed |= any(finding.passed is False for finding in findings)
    sys.exit(missed and not options.quick)


if __name__ == "__main__":
    main()
