"""Measure what the README claims, each figure a ratio of two programs run in turn.

    python benchmarks/run.py                      every benchmark
    python benchmarks/run.py help sample          some of them
    python benchmarks/run.py --quick              a tenth of the size, one round: does it work?

See benchmarks/README.md for the environments it needs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.cases import CASES, Bench
from benchmarks.findings import Finding, describe_machine, format_table, write_results
from benchmarks.timing import ProgramFailed

RESULTS = Path(__file__).resolve().parent / "results"


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0],
        epilog="benchmarks: "
        + "; ".join(
            f"{name}: {(case.__doc__ or '').splitlines()[0]}" for name, case in CASES.items()
        ),
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CASES)}")
    parser.add_argument("--quick", action="store_true", help="small and once; targets not judged")
    parser.add_argument("--python", default=sys.executable, help="runs the runner and the floors")
    parser.add_argument("--pyfunc-python", default=sys.executable, help="has mlflow and pandas")
    parser.add_argument("--spark-python", help="has the group spark; without it Spark is left out")
    parser.add_argument("--runner", metavar="COMMAND", help="measure this in place of the runner")
    parser.add_argument("--work", type=Path, help="keep generated data here for the next time")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in CASES]:
        parser.error(f"no benchmark {unknown[0]!r}: there are {', '.join(CASES)}")
    return options


def measure(options: argparse.Namespace, work: Path) -> bool:
    """Run the benchmarks asked for and print what each found; whether no target was missed."""
    bench = Bench(
        work=work,
        python=options.python,
        pyfunc_python=options.pyfunc_python,
        spark_python=options.spark_python,
        runner=options.runner,
        quick=options.quick,
    )
    found: list[Finding] = []
    for name in options.names or CASES:
        print(f"\n{name}: {(CASES[name].__doc__ or '').splitlines()[0]}", flush=True)
        findings = CASES[name](bench)
        print(format_table(findings, judged=not options.quick), flush=True)
        write_results(RESULTS / f"{name}.json", findings, options.quick)
        found += findings
    return options.quick or all(finding.passed is not False for finding in found)


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
                passed = measure(options, Path(folder))
    except ProgramFailed as error:
        sys.exit(str(error))
    sys.exit(not passed)


if __name__ == "__main__":
    main()
