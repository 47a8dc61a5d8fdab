"""Time a look at one job: `runner jobs show` next to a script that asks azure-ai-ml for it.

    python benchmarks/azure_start_up.py             ten rounds
    python benchmarks/azure_start_up.py --quick     one round: does it work?

Whole processes in turn, against the stand-in for Azure on this machine, so that what counts is
what each imports, signs in to and asks for, and not the network.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.findings import (
    Finding,
    Target,
    compare,
    describe_machine,
    format_table,
    write_results,
)
from benchmarks.timing import ROOT, Program, run_once, time_in_turn
from tests.azureml.stage import Stage, make_workspace
from tests.emulator import Emulator

ROUNDS = 10
SCRIPT = """
import sys
from azure.ai.ml import MLClient
from azure.identity import DefaultAzureCredential
*workspace, cloud, job = sys.argv[1:]
print(MLClient(DefaultAzureCredential(), *workspace, cloud=cloud).jobs.get(job).status + "")
"""
IMPORTS = "import azure.ai.ml, azure.identity"


def measure(stage: Stage, folder: Path, rounds: int) -> list[Finding]:
    """Time the runner, the script, and how long its imports alone take."""
    job = stage.job(stage.batch("diabetes-batch"), "Completed", settings={}, jobs={})
    outputs = stage.outputs()
    (folder / "Pulumi.yaml").touch()
    environment = {
        **stage.emulator.environment,
        "RUNNER_PROJECT": str(folder),
        "RUNNER_OUTPUTS": str(stage.write(folder)),
        "PYTHONPATH": str(ROOT),
    }
    python = (sys.executable, "-W", "ignore")
    show = (*python, "-m", "runner", "--env", "dev", "jobs", "show", job)
    where = (outputs.subscription_id, outputs.resource_group, outputs.workspace, outputs.cloud)
    programs = [
        Program("runner", lambda _: show, environment),
        Program("script", lambda _: (*python, "-c", SCRIPT, *where, job), environment),
        Program("imports", lambda _: (*python, "-c", IMPORTS), environment),
    ]
    for program in programs[:2]:
        if "Completed" not in run_once(program, folder).stdout:
            sys.exit(f"{program.name} does not show the job")
    run_once(programs[2], folder)
    seconds = time_in_turn(programs, rounds, folder)
    return [
        compare("runner / script", seconds, "runner", "script", Target("at most", 0.5)),
        Finding("its imports alone", seconds["imports"], "s"),
    ]


def main() -> None:
    """Exits with 1 where a target was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="once; targets not judged")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    machine = describe_machine()
    print(", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in machine.items()))
    with (
        tempfile.TemporaryDirectory(prefix="start-up-") as made,
        Emulator.start(Path(made) / "cloud") as emulator,
    ):
        stage = Stage(emulator, make_workspace(emulator))
        findings = measure(stage, Path(made), 1 if options.quick else options.rounds)
    print(format_table(findings, judged=not options.quick))
    write_results(ROOT / "benchmarks" / "results" / "azure-start-up.json", findings, options.quick)
    sys.exit(not (options.quick or all(one.passed is not False for one in findings)))


if __name__ == "__main__":
    main()
