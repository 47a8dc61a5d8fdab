"""Measure what a declared environment costs: the first run and the next, and MLflow's own way.

    python benchmarks/declared.py            five rounds
    python benchmarks/declared.py --quick    one round: does it work?

The model is the sample's, whose requirements this Python satisfies (it needs the dependency group
`mlflow`), so that the same packages are measured in an environment of their own and in the
runner's. uv has to be on PATH or in `.uv/bin`; its cache keeps the packages between runs. MLflow
makes its environment anew each time that it is called.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.cases import MODEL, SAMPLE  # noqa: E402
from benchmarks.findings import (  # noqa: E402
    Finding,
    Target,
    compare,
    describe_machine,
    format_table,
    write_results,
)
from benchmarks.timing import Program, ProgramFailed, run_once, time_in_turn  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "declared.json"
OWN, DECLARED, MLFLOW = "the runner's environment", "an environment of its own", "mlflow predict"
_ANSWER = "predictions.json"


def score_program(name: str, manager: str, home: Path, data: Path) -> Program:
    """`runner score` of the sample model, in a workspace that its runs share."""
    command = [sys.executable, "-m", "runner", "score", "diabetes-batch", "--data", str(data)]
    return Program(
        name,
        lambda _output: [*command, "--env-manager", manager, "-o", "json"],
        _variables() | {"RUNNER_HOME": str(home)},
    )


def mlflow_program(data: Path) -> Program:
    """`mlflow models predict` of a file with the same model."""
    mlflow = str(Path(sys.executable).parent / "mlflow")
    return Program(
        MLFLOW,
        lambda output: [
            *(mlflow, "models", "predict", "--model-uri", str(MODEL), "--env-manager", "uv"),
            *("--content-type", "csv", "--input-path", str(data)),
            *("--output-path", str(output / _ANSWER)),
        ],
        _variables(),
    )


def write_file(folder: Path) -> Path:
    """A file of the sample's rows with a point in every number, as MLflow takes whole numbers for
    no doubles."""
    header, *rows = (SAMPLE / "patients-1.csv").read_text().splitlines()
    lines = [",".join(str(float(cell)) for cell in row.split(",")) for row in rows]
    file = folder / "patients.csv"
    file.write_text("\n".join([header, *lines]) + "\n")
    return file


def check_predictions(single: Program, mlflow: Program, scratch: Path) -> None:
    """Run both once, to warm up. Raises ProgramFailed where they predict otherwise."""
    written = Path(json.loads(run_once(single, scratch).stdout)["output"]).read_text()
    ours = [float(line.split(",")[1]) for line in written.splitlines()]
    answer = run_once(mlflow, scratch).output / _ANSWER
    if ours != (theirs := json.loads(answer.read_text())["predictions"]):
        raise ProgramFailed(f"the predictions differ: {ours[:5]} and {theirs[:5]} …")


def _variables() -> dict[str, str]:
    path = os.pathsep.join([str(ROOT / ".uv" / "bin"), os.environ.get("PATH", "")])
    return {"PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"}


def measure(rounds: int, scratch: Path) -> list[Finding]:
    """Measure a first run, the next ones, and one file beside MLflow."""
    own = score_program(OWN, "local", scratch / "own", SAMPLE)
    declared = score_program(DECLARED, "uv", scratch / "declared", SAMPLE)
    file = write_file(scratch)
    single = score_program(DECLARED, "uv", scratch / "declared", file)
    mlflow = mlflow_program(file)
    run_once(own, scratch)
    run_once(score_program("warm", "uv", scratch / "warm", SAMPLE), scratch)
    first = run_once(declared, scratch).seconds
    check_predictions(single, mlflow, scratch)
    seconds = time_in_turn([own, declared], rounds, scratch)
    differences = tuple(
        there - here for there, here in zip(seconds[DECLARED], seconds[OWN], strict=True)
    )
    beside = time_in_turn([single, mlflow], rounds, scratch)
    return [
        Finding("the first run, with uv's cache warm", (first,), "s"),
        Finding("a later run, more than here", differences, "s", Target("at most", 0.3), seconds),
        compare(f"a file: {MLFLOW} / runner score", beside, MLFLOW, DECLARED),
    ]


def main() -> None:
    """Measure, print a table and keep the raw seconds. Exits with 1 where a target was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round; targets not judged")
    quick: bool = parser.parse_args().quick
    print(", ".join(f"{key.replace('_', ' ')}: {it}" for key, it in describe_machine().items()))
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        findings = measure(1 if quick else 5, Path(folder).resolve())
    print(format_table(findings, judged=not quick))
    write_results(RESULTS, findings, quick)
    sys.exit(any(finding.passed is False for finding in findings) and not quick)


if __name__ == "__main__":
    main()
