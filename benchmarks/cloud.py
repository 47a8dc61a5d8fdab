"""Benchmarks against the stand-in for Azure on this machine, and against Azurite.

They show what the client spends, and nothing of Azure's own time.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import yaml
from azure.storage.blob import ContainerClient, ContainerSasPermissions, generate_container_sas

from benchmarks.bench import Bench
from benchmarks.findings import Finding, compare
from benchmarks.timing import ROOT, Program, ProgramFailed, run_once, time_in_turn
from runner.assets.content import hash_content, hash_file, scan
from runner.azureml.uploads import upload
from tests.azureml.scored import Scored, scored_workspace
from tests.azureml.stage import Stage, make_workspace
from tests.emulator import Emulator
from tests.emulator.batch.plugged import scoring
from tests.infra.engine.deploying import deploy_platform
from tests.infra.engine.stack import Pulumi, make_project, make_stack
from tests.infra.engine.stack import Stack as PulumiStack

# Tunnels and what only a private cloud is asked for are no requests of a public cloud's client:
# the cloud's description, which azure-ai-ml reads again for each call, and its sign-in's.
_UNCOUNTED = ("/metadata/endpoints", "/common/discovery/instance")
_PLAIN = ("-W", "ignore")

SHOW = """
import sys
from azure.ai.ml import MLClient
from azure.identity import DefaultAzureCredential
*workspace, cloud, job = sys.argv[1:]
print(MLClient(DefaultAzureCredential(), *workspace, cloud=cloud).jobs.get(job).status + "")
"""
NOTEBOOK = """
import sys, time
from azure.ai.ml import Input, MLClient
from azure.ai.ml.entities import Data
from azure.identity import DefaultAzureCredential

*workspace, cloud, endpoint, model, folder, target = sys.argv[1:]
client = MLClient(DefaultAzureCredential(), *workspace, cloud=cloud)
client.models.get(model, label="latest")
data = client.data.create_or_update(
    Data(name=f"notebook-{model}", version="1", type="uri_folder", path=folder)
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


@contextmanager
def _cloud(bench: Bench) -> Iterator[tuple[Path, Emulator]]:
    with bench.scratch() as scratch, Emulator.start(scratch / "cloud") as emulator:
        yield scratch, emulator


def measure_start_up(bench: Bench) -> list[Finding]:
    """Time `runner jobs show`, against a script that asks azure-ai-ml for the job.

    The difference lies in what each imports, signs in to and asks for.
    """
    with _cloud(bench) as (scratch, emulator):
        stage = Stage(emulator, make_workspace(emulator))
        job = stage.job(stage.batch("diabetes-batch"), "Completed", settings={}, jobs={})
        (scratch / "Pulumi.yaml").touch()
        variables = {
            **emulator.environment,
            "RUNNER_PROJECT": str(scratch),
            "RUNNER_OUTPUTS": str(stage.write(scratch)),
            "PYTHONPATH": str(ROOT),
        }
        python = (bench.pyfunc_python, *_PLAIN)
        show = (*python, "-m", "runner", "--env", "dev", "jobs", "show", job)
        programs = [
            Program("runner", show, variables),
            Program("script", (*python, "-c", SHOW, *_where(stage), job), variables),
        ]
        for program in programs:
            if "Completed" not in run_once(program, scratch).stdout:
                raise ProgramFailed(f"{program.name} does not show the job")
        seconds = time_in_turn(programs, bench.rounds(10), scratch)
    return [compare("runner / script", seconds, "runner", "script", at_most=0.5)]


def _where(stage: Stage) -> tuple[str, ...]:
    outputs = stage.outputs()
    return outputs.subscription_id, outputs.resource_group, outputs.workspace, outputs.cloud


def measure_requests(bench: Bench) -> list[Finding]:
    """Count the requests of `runner score`, against the notebook's calls of the SDK.

    Both look at the job every 2 seconds. Counted is every request over HTTP, those to sign in and
    those to the blob storage too, of a second run, when nothing is to be sent any more.
    """
    findings: list[Finding] = []
    long = 30  # seconds that the long job takes
    cases = [
        ("the sample job", "diabetes-batch", "diabetes-mlflow", "data/diabetes/unlabeled"),
        (f"a job of {long} s", "echo", "greeting", "data/lines"),
    ]
    with (
        _cloud(bench) as (scratch, emulator),
        scoring(emulator),
        scored_workspace(emulator, scratch, script=SLEEP) as scored,
    ):
        emulator.look_into_blobs = True
        scored.project.lines(0)
        scored.project.write("data/lines/seconds.txt", str(long))
        for title, endpoint, model, folder in cases[:1] if bench.quick else cases:
            name = (scored.stage.outputs().endpoints or {})[endpoint].name
            where = (*_where(scored.stage), name, model, folder)
            score = ["score", endpoint, "--env", "dev", "--outputs", str(scored.outputs)]
            for attempt in ("first", "second"):
                stdout, ours = _counted(bench, scored, "-m", "runner", *score, "-o", "json")
                target = scored.project.root / f"{endpoint}-{attempt}"
                _, theirs = _counted(bench, scored, "-c", NOTEBOOK, *where, str(target))
                downloaded = next(target.rglob("predictions.csv"))
                if Path(json.loads(stdout)["output"]).read_bytes() != downloaded.read_bytes():
                    raise ProgramFailed(f"{title}: the predictions differ")
            findings += [
                Finding(f"{title}: runner", (ours,), "requests"),
                Finding(f"{title}: notebook", (theirs,), "requests"),
                Finding(f"{title}: runner / notebook", (ours / theirs,), at_most=0.6),
            ]
    return findings


def _counted(bench: Bench, scored: Scored, *words: str) -> tuple[str, int]:
    """Run Python in the project; return its stdout, and the number of its requests."""
    log = scored.emulator.requests
    log.clear()
    variables = {**scored.emulator.environment, "PYTHONPATH": str(ROOT)}
    program = Program(words[1], [bench.pyfunc_python, *_PLAIN, *words], variables)
    run = run_once(program, scored.project.root, cwd=scored.project.root)
    asked = (each for each in log if each.method != "CONNECT" and each.path not in _UNCOUNTED)
    return run.stdout, sum(1 for _ in asked)


def measure_upload(bench: Bench) -> list[Finding]:
    """Send 1,000 files of 100 kB to Azurite, against azure-storage-blob in 16 threads.

    Both send the same files to a new container, in turn and in one process, after a warm-up;
    imports are not counted.
    """
    seconds: dict[str, list[float]] = {"runner": [], "SDK": []}
    with bench.scratch() as scratch, azurite() as server:
        folder = scratch / "files"
        folder.mkdir()
        for number in range(bench.size(1000)):
            (folder / f"{number:04d}.bin").write_bytes(os.urandom(100_000))
        size = sum(file.stat().st_size for file in folder.iterdir())
        for round_number in range(bench.rounds(3) + 1):
            for name, send in (("runner", send_as_runner), ("SDK", send_in_threads)):
                container = new_container(server)
                began = time.perf_counter()
                sent = send(container, folder)
                taken = time.perf_counter() - began
                if sent != size:
                    raise ProgramFailed(f"{name} sent {sent} bytes of {size}")
                if round_number:
                    seconds[name].append(taken)
    measured = {name: tuple(taken) for name, taken in seconds.items()}
    return [compare("runner / SDK in 16 threads", measured, "runner", "SDK", at_most=1)]


def send_as_runner(container: ContainerClient, folder: Path) -> int:
    """Send a folder as `runner data register` does, hashes and all; return the bytes sent."""
    content = scan(folder)
    hashes = {file.name: hash_file(file) for file in content.files}
    root = f"LocalUpload/{hash_content(content.shape, hashes.items())}/data"
    return upload(container, root, content, hashes, lambda _: None).bytes


def send_in_threads(container: ContainerClient, folder: Path) -> int:
    """Send a folder by azure-storage-blob, as upload-batch of other tools; return the bytes."""

    def send(file: Path) -> int:
        with file.open("rb") as stream:
            container.upload_blob(file.name, stream, overwrite=True)
        return file.stat().st_size

    with ThreadPoolExecutor(16) as pool:
        return sum(pool.map(send, folder.iterdir()))


ACCOUNT = "benchmark"
KEY = "bm90IGEgc2VjcmV0OiB0aGUgc2VydmVyIGlzIG9uIHRoaXMgbWFjaGluZQ=="


def new_container(server: str) -> ContainerClient:
    """Return an empty container, signed in to as a datastore lets clients in."""
    name = uuid.uuid4().hex
    credential = {"account_name": ACCOUNT, "account_key": KEY}
    ContainerClient(server, name, credential=credential).create_container()
    signature = generate_container_sas(
        ACCOUNT,
        name,
        account_key=KEY,
        permission=ContainerSasPermissions(read=True, write=True, create=True, list=True),
        expiry=datetime.now(UTC) + timedelta(hours=2),
    )
    return ContainerClient(server, name, credential=signature)


@contextmanager
def azurite() -> Iterator[str]:
    """Run Azurite, in memory and without TLS, and give its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [
        *(str(ROOT / "scripts" / "azurite"), "--silent", "--disableTelemetry"),
        *("--skipApiVersionCheck", "--inMemoryPersistence", "--blobPort", str(port)),
    ]
    accounts = {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"}
    process = subprocess.Popen(command, env={**os.environ, **accounts}, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise ProgramFailed("Azurite did not start")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/{ACCOUNT}"
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def measure_preview(bench: Bench) -> list[Finding]:
    """Time `pulumi preview` of dev, of lake, and of 1, 25 and 50 endpoints.

    The engine and the program are the real ones, and the language host is the one beside the
    engine that `scripts/pulumi` finds. `lake` stands on Databricks.
    """
    counts = (1, 25) if bench.quick else (1, 25, 50)
    with _cloud(bench) as (scratch, emulator):
        pulumi = Pulumi.find(scratch / "pulumi")
        stacks = {
            name: make_stack(pulumi, emulator, make_project(scratch / name), name)
            for name in ("dev", "lake")
        }
        for count in counts:
            project = make_project(scratch / str(count))
            config = declare_endpoints(project, count)
            stack = make_stack(pulumi, emulator, project, f"many-{count}", config)
            stacks[f"{count} endpoints"] = stack
        for name, stack in stacks.items():  # compiles modules, and shows that it works
            if name != "lake":  # whose previews ask for no version
                deploy_platform(stack, emulator)
            stack.preview()
        measured: dict[str, list[float]] = {name: [] for name in stacks}
        for _ in range(bench.rounds(3)):
            for name, stack in stacks.items():
                measured[name].append(_seconds(stack))
    findings = [
        Finding(f"preview of {name}", tuple(taken), "s") for name, taken in measured.items()
    ]
    medians = [median(measured[f"{count} endpoints"]) for count in counts]
    for (before, later), (fewer, more) in zip(pairwise(medians), pairwise(counts), strict=True):
        slope = (later - before) / (more - fewer)
        findings.append(Finding(f"an endpoint more, {fewer} to {more}", (slope,), "s"))
    return findings


def _seconds(stack: PulumiStack) -> float:
    began = time.perf_counter()
    stack.shown()
    return time.perf_counter() - began


def declare_endpoints(project: Path, count: int) -> dict[str, Any]:
    """Give a project so many batch endpoints, each with a pinned deployment that is its default;
    return the configuration of its stack."""
    config: dict[str, Any] = yaml.safe_load((project / "Pulumi.dev.yaml").read_text())["config"]
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
        own = {**deployment, "endpoint_name": name}
        (home / "batch-deployment.yml").write_text(yaml.safe_dump(own))
        pins[name] = {"deployments": {"mlflow": {"model": "azureml:diabetes-mlflow:1"}}}
    return config | {
        "scoring:models": list(pins),
        "scoring:endpoints": pins,
        "scoring:defaultEndpoint": "generated-00",
    }
