"""Benchmarks of the Spark pool. They need a Python with the dependency group `spark`, and Java."""

from __future__ import annotations

from pathlib import Path

from benchmarks.bench import ROWS, Bench, amount, summary
from benchmarks.findings import Finding
from benchmarks.memory import measure_peaks
from benchmarks.timing import ROOT, Program, ProgramFailed, run_once

PENGUINS = ROOT / "models" / "penguins" / "model"
POOL, PROCESSES = "Spark pool", "process pool"
_TWO = ("--set", "max_concurrency_per_instance=2")  # as many cores as the others have


def _python(bench: Bench) -> str:
    return bench.spark_python or bench.python


def _score(
    bench: Bench, endpoint: str, data: Path, home: Path, engine: str = "spark", name: str = POOL
) -> Program:
    options = ("--engine", engine, *_TWO)
    return bench.score(data, home, *options, name=name, endpoint=endpoint, python=_python(bench))


def measure_alone(bench: Bench) -> list[Finding]:
    """Score a million penguins by the Spark pool, against bare read, transform and write."""
    files = bench.size(100)
    data = bench.data(files, kind="penguins")
    with bench.scratch() as scratch:
        pool = _score(bench, "penguins-batch", data, scratch / "home")
        peer = bench.peer("Spark alone", "spark_transform", _python(bench), PENGUINS, data, "parts")
        scored = summary(run_once(pool, scratch))["rows"]
        parts = run_once(peer, scratch).output.rglob("*.csv")
        rows, lines = files * ROWS, sum(part.read_bytes().count(b"\n") for part in parts)
        if (scored, lines) != (rows, rows):
            raise ProgramFailed(f"of {rows} rows the pool scored {scored}, Spark {lines}")
        what = f"{amount(files)}, penguins: {POOL} / {peer.name}"
        return [bench.ratio(what, pool, peer, 5, scratch, warm=False, at_most=1.3)]


def measure_udf(bench: Bench) -> list[Finding]:
    """Score a million penguins by `mlflow.pyfunc.spark_udf`, against the Spark pool."""
    files = bench.size(100)
    data = bench.data(files, kind="penguins")
    with bench.scratch() as scratch:
        pool = _score(bench, "penguins-batch", data, scratch / "home")
        peer = bench.peer("spark_udf", "spark_udf", _python(bench), PENGUINS, data, "parts")
        what = f"{amount(files)}, penguins: {peer.name} / {POOL}"
        return [bench.ratio(what, peer, pool, 1, scratch, warm=False)]


def measure_patients(bench: Bench) -> list[Finding]:
    """Score a million patients, scikit-learn, by the Spark pool and the process pool."""
    files = bench.size(100)
    data = bench.data(files)
    with bench.scratch() as scratch:
        pool = _score(bench, "diabetes-batch", data, scratch / "spark")
        own = _score(bench, "diabetes-batch", data, scratch / "process", "process", PROCESSES)
        bench.check_agreement([pool, own], scratch)
        what = f"{amount(files)}, patients: {POOL} / {PROCESSES}"
        return [bench.ratio(what, pool, own, 3, scratch, warm=False)]


def measure_memory(bench: Bench) -> list[Finding]:
    """Score 5 and 20 million penguins: the peak memory of the host and of what it starts."""
    findings: list[Finding] = []
    peaks = []
    for files in (bench.size(500), bench.size(2000)):
        data = bench.data(files, kind="penguins")
        with bench.scratch() as scratch:
            found = measure_peaks(_score(bench, "penguins-batch", data, scratch / "home"), scratch)
        peaks.append(found)
        findings += [
            Finding(f"{amount(files)}: peak memory, {what}", (found[role],), "MB")
            for role, what in (("host", "the job's host"), ("worker", "the JVM or a Python worker"))
        ]
    few, many = peaks
    for role in ("host", "worker"):
        growth = many[role] / few[role]
        what = f"peak memory of the {role}: four times the penguins"
        findings.append(Finding(what, (growth,), at_most=1.2))
    return findings
