"""Measure what the README claims, each figure beside a program that runs in turn with it.

    python benchmarks/run.py                      all that need neither Spark nor Azure's packages
    python benchmarks/run.py help sample          some of them
    python benchmarks/run.py --quick              a tenth of the size, one round: does it work?

See benchmarks/README.md for the environments it needs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.findings import Finding, describe_machine, format_table, write_results
from benchmarks.timing import ROOT, ProgramFailed

RESULTS = ROOT / "benchmarks" / "results"
# The benchmarks that run by default, and the others; each is a function of a module.
CASES = {
    "help": "batch.measure_help",
    "sample": "batch.measure_sample",
    "score-1m": "batch.measure_million",
    "profile": "batch.measure_profile",
    "many-files": "batch.measure_many_files",
    "score-20m": "batch.measure_twenty_million",
    "one-file": "batch.measure_one_file",
    "huge-files": "batch.measure_huge_files",
    "compare": "batch.measure_compare",
    "declared": "batch.measure_declared",
    "serving": "serving.measure_serving",
    "fresh": "batch.measure_fresh",
}
NAMED = {
    "spark": "spark.measure_alone",
    "spark-udf": "spark.measure_udf",
    "spark-patients": "spark.measure_patients",
    "spark-memory": "spark.measure_memory",
    "azure-start-up": "cloud.measure_start_up",
    "azure-requests": "cloud.measure_requests",
    "upload": "cloud.measure_upload",
    "preview": "cloud.measure_preview",
}
ALL = {**CASES, **NAMED}


def find_case(name: str) -> Callable[[Bench], list[Finding]]:
    """Import the function of a benchmark."""
    module, _, function = ALL[name].partition(".")
    found: Callable[[Bench], list[Finding]] = getattr(
        import_module(f"benchmarks.{module}"), function
    )
    return found


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"by default {', '.join(CASES)}; only where they are named: {', '.join(NAMED)}",
    )
    parser.add_argument("--quick", action="store_true", help="small and once; targets not judged")
    parser.add_argument("--python", default=sys.executable, help="runs the runner and the floors")
    parser.add_argument("--pyfunc-python", default=sys.executable, help="has mlflow and pandas")
    parser.add_argument("--spark-python", help="has the group spark; without it Spark is left out")
    parser.add_argument("--peers", type=Path, help="a Python with azmlinfsrv and mlflow")
    parser.add_argument("--work", type=Path, help="keep generated data here for the next time")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in ALL]:
        parser.error(f"no benchmark {unknown[0]!r}: there are {', '.join(ALL)}")
    return options


def measure(options: argparse.Namespace, work: Path) -> bool:
    """Run benchmarks and print what each found; return whether no target was missed."""
    bench = Bench(
        work=work,
        python=options.python,
        pyfunc_python=options.pyfunc_python,
        spark_python=options.spark_python,
        peers_python=options.peers,
        quick=options.quick,
    )
    passed = True
    for name in options.names or CASES:
        case = find_case(name)
        print(f"\n{name}: {(case.__doc__ or '').splitlines()[0]}", flush=True)
        findings = case(bench)
        print(format_table(findings, judged=not options.quick), flush=True)
        write_results(RESULTS / f"{name}.json", findings, options.quick)
        passed &= all(finding.passed is not False for finding in findings)
    return options.quick or passed


def main() -> None:
    """Exits with 1 where a target was missed or a program failed."""
    options = parse()
    machine = describe_machine()
    print(", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in machine.items()))
    try:
        if options.work:
            options.work.mkdir(parents=True, exist_ok=True)
            passed = measure(options, options.work.resolve())
        else:
            with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
                passed = measure(options, Path(folder).resolve())
    except ProgramFailed as error:
        sys.exit(str(error))
    sys.exit(not passed)


if __name__ == "__main__":
    main()
