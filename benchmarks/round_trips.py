"""Count the requests of `runner score` next to those of the same steps with azure-ai-ml.

    python benchmarks/round_trips.py              both jobs
    python benchmarks/round_trips.py --quick      only the short one

Both score data that is registered already with the same deployment of the stand-in for Azure, in
processes of their own that wait 2 seconds after they first look at the job. Counted is every
request over HTTP, those to sign in and those to the blob storage too. Tunnels are not, and neither
is what only a private cloud is asked for: its description, which azure-ai-ml reads again for each
call, and whether its sign-in is to be trusted.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.findings import Finding, Target, describe_machine, format_table, write_results
from benchmarks.timing import ROOT
from tests.azureml.scored import Scored, scored_workspace
from tests.emulator import Emulator
from tests.emulator.batch.plugged import scoring

LONG = 30  # seconds that the long job takes
TARGET = Target("at most", 0.6)
PRIVATE = ("/metadata/endpoints", "/common/discovery/instance")  # asked of no public cloud
NOTEBOOK = """
import sys, time
from azure.ai.ml import Input, MLClient
from azure.ai.ml.entities import Data
from azure.identity import DefaultAzureCredential

*workspace, cloud, endpoint, model, folder, target = sys.argv[1:]
client = MLClient(DefaultAzureCredential(), *workspace, cloud=cloud)
client.models.get(model, label="latest")
data = client.data.create_or_update(
    Data(name="notebook", version="1", type="uri_folder", path=folder)
)
job = client.batch_endpoints.invoke(endpoint, input=Input(type="uri_folder", path=data.id))
while client.jobs.get(job.name).status not in ("Completed", "Failed", "Canceled"):
    time.sleep(2)
client.jobs.download(job.name, download_path=target, output_name="score")
"""
# Waits for so long as its input says, in seconds.
SLEEP = """
import time
def init(): pass
def run(mini_batch):
    for path in mini_batch:
        with open(path) as file:
            time.sleep(float(file.read()))
    return ["done"] * len(mini_batch)
"""


@dataclass(frozen=True)
class Case:
    """A job that both start."""

    title: str
    endpoint: str
    model: str
    folder: str  # with its input, in the project


@dataclass(frozen=True)
class Count:
    """The requests of one run."""

    all: int
    looks: int  # at the job, while it runs

    @property
    def rest(self) -> int:
        return self.all - self.looks


CASES = (
    Case("the sample job", "diabetes-batch", "diabetes-mlflow", "data/diabetes/unlabeled"),
    Case(f"a job of {LONG} s", "echo", "greeting", "data/lines"),
)


def compare(scored: Scored, case: Case) -> list[Finding]:
    """Run both twice; the second time counts, when nothing is to be sent any more."""
    for attempt in ("first", "second"):
        output, ours = runner(scored, case)
        downloaded, theirs = notebook(scored, case, scored.project.root / f"their-{attempt}")
        if output.read_bytes() != downloaded.read_bytes():
            sys.exit(f"{case.title}: the predictions differ")
    return [
        Finding(f"{case.title}: runner", (ours.all,), "requests"),
        Finding(f"{case.title}: notebook", (theirs.all,), "requests"),
        Finding(f"{case.title}: runner / notebook", (ours.all / theirs.all,), target=TARGET),
        Finding(f"{case.title}: without looks at the job", (ours.rest / theirs.rest,)),
    ]


def runner(scored: Scored, case: Case) -> tuple[Path, Count]:
    """`runner score`; its predictions, and what it asked."""
    words = ("score", case.endpoint, "--env", "dev", "--outputs", str(scored.outputs), "-o", "json")
    stdout, counted = counted_run(scored, [sys.executable, "-m", "runner", *words])
    return Path(json.loads(stdout)["output"]), counted


def notebook(scored: Scored, case: Case, target: Path) -> tuple[Path, Count]:
    """The same with azure-ai-ml; the predictions are downloaded to `target`."""
    outputs = scored.stage.outputs()
    assert outputs.endpoints is not None
    words = (
        *(outputs.subscription_id, outputs.resource_group, outputs.workspace, outputs.cloud),
        *(outputs.endpoints[case.endpoint].name, case.model, case.folder, str(target)),
    )
    script = NOTEBOOK.replace('"notebook"', f'"notebook-{case.endpoint}"')
    _, counted = counted_run(scored, [sys.executable, "-W", "ignore", "-c", script, *words])
    return next(target.rglob("predictions.csv")), counted


def counted_run(scored: Scored, command: Sequence[str]) -> tuple[str, Count]:
    """Run a program in the project; what it printed, and the requests it made."""
    log = scored.emulator.requests
    log.clear()
    ended = subprocess.run(
        command,
        cwd=scored.project.root,
        env={**os.environ, **scored.emulator.environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        sys.exit(f"{command[:3]} ended with {ended.returncode}\n{ended.stderr[-2000:]}")
    asked = [
        request for request in log if request.method != "CONNECT" and request.path not in PRIVATE
    ]
    looks = [request for request in asked if request.method == "GET" and "/jobs/" in request.path]
    return ended.stdout, Count(len(asked), len(looks))


def main() -> None:
    """Exits with 1 where a target was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only the short job")
    options = parser.parse_args()
    machine = describe_machine()
    print(", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in machine.items()))
    findings: list[Finding] = []
    with (
        tempfile.TemporaryDirectory(prefix="round-trips-") as made,
        Emulator.start(Path(made) / "cloud") as emulator,
        scoring(emulator),
        scored_workspace(emulator, Path(made), script=SLEEP) as scored,
    ):
        emulator.look_into_blobs = True
        scored.project.lines(0)
        scored.project.write("data/lines/seconds.txt", str(LONG))
        for case in CASES[:1] if options.quick else CASES:
            findings += compare(scored, case)
    print(format_table(findings, judged=True))
    write_results(ROOT / "benchmarks" / "results" / "round-trips.json", findings, options.quick)
    sys.exit(any(one.passed is False for one in findings))


if __name__ == "__main__":
    main()
