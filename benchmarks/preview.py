"""Seconds of `pulumi preview`: of two stacks, and how they grow with the endpoints declared.

    python benchmarks/preview.py            # dev, lake, 1, 25 and 50 endpoints, three times each
    python benchmarks/preview.py --quick    # once each, up to 25 endpoints

`lake` stands on Databricks, whose provider only its own previews import. The engine and the
program are the real ones, the language host is the one beside the engine that `scripts/pulumi`
finds, and the cloud is the tests' stand-in.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.findings import Finding, Target, format_table, write_results  # noqa: E402
from tests.emulator import Emulator  # noqa: E402
from tests.infra.engine.deploying import deploy_platform  # noqa: E402
from tests.infra.engine.stack import Pulumi, Stack, make_project, make_stack  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "preview.json"
COUNTS = (1, 25, 50)
ROUNDS = 3
# From linear growth to quadratic the last stretch's slope would be some six times the first's.
STEEPER = Target("at most", 1.5)


def main() -> None:
    """Measure, print a table and keep the raw seconds."""
    parser = argparse.ArgumentParser(description="Measure pulumi preview.")
    parser.add_argument("--quick", action="store_true", help="once each, up to 25 endpoints")
    quick: bool = parser.parse_args().quick
    counts, rounds = (COUNTS[:2], 1) if quick else (COUNTS, ROUNDS)
    with tempfile.TemporaryDirectory() as folder, Emulator.start(Path(folder) / "cloud") as cloud:
        work = Path(folder)
        pulumi = Pulumi.find(work / "pulumi")
        stacks = {
            **{
                name: make_stack(pulumi, cloud, make_project(work / name), name)
                for name in ("dev", "lake")
            },
            **{
                _title(count): _generated(pulumi, cloud, work / str(count), count)
                for count in counts
            },
        }
        for name, stack in stacks.items():  # compiles modules, and shows that it works
            if name != "lake":  # whose previews ask for no version
                deploy_platform(stack, cloud)
            stack.preview()
        measured: dict[str, list[float]] = {name: [] for name in stacks}
        for _ in range(rounds):
            for name, stack in stacks.items():
                measured[name].append(_seconds(stack))
    findings = _findings({name: tuple(seconds) for name, seconds in measured.items()}, counts)
    print(format_table(findings, judged=not quick))
    write_results(RESULTS, findings, quick)


def _findings(measured: dict[str, tuple[float, ...]], counts: Sequence[int]) -> list[Finding]:
    previews = [Finding(f"preview of {name}", seconds, "s") for name, seconds in measured.items()]
    slopes = [
        Finding(
            f"an endpoint more, {fewer} to {more}",
            tuple(
                (b - a) / (more - fewer)
                for a, b in zip(measured[_title(fewer)], measured[_title(more)], strict=True)
            ),
            "s",
        )
        for fewer, more in pairwise(counts)
    ]
    if len(slopes) < 2:
        return [*previews, *slopes]
    # Between medians of previews: a stretch differs by no more seconds than one run varies by.
    first, last = (
        (median(measured[_title(more)]) - median(measured[_title(fewer)])) / (more - fewer)
        for fewer, more in pairwise(counts)
    )
    growth = Finding("slope of the last stretch over the first's", (last / first,), target=STEEPER)
    return [*previews, *slopes, growth]


def _seconds(stack: Stack) -> float:
    begun = time.perf_counter()
    stack.shown()
    return time.perf_counter() - begun


def _title(count: int) -> str:
    return f"{count} endpoint{'s' * (count > 1)}"


def _generated(pulumi: Pulumi, cloud: Emulator, folder: Path, count: int) -> Stack:
    """A project with so many batch endpoints, each with a pinned deployment that is its default."""
    project = make_project(folder)
    config = yaml.safe_load((project / "Pulumi.dev.yaml").read_text())["config"]
    model = ROOT / "models" / "diabetes"
    endpoint = yaml.safe_load((model / "batch-endpoint.yml").read_text())
    deployment = yaml.safe_load((model / "batch-deployment-mlflow.yml").read_text())
    shutil.rmtree(project / "models")
    pins: dict[str, Any] = {}
    for number in range(count):
        name = f"generated-{number:02}"
        home = project / "models" / name
        home.mkdir(parents=True)
        (home / "batch-endpoint.yml").write_text(yaml.safe_dump({**endpoint, "name": name}))
        (home / "batch-deployment.yml").write_text(
            yaml.safe_dump({**deployment, "endpoint_name": name})
        )
        pins[name] = {"deployments": {"mlflow": {"model": "azureml:diabetes-mlflow:1"}}}
    config |= {
        "scoring:models": list(pins),
        "scoring:endpoints": pins,
        "scoring:defaultEndpoint": "generated-00",
    }
    return make_stack(pulumi, cloud, project, f"many-{count}", config)


if __name__ == "__main__":
    main()
