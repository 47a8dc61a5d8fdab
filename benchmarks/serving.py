"""Benchmarks of online endpoints: `runner serve` against azmlinfsrv and `mlflow models serve`.

The sample's model and a script that does next to nothing, each with one process, which is what a
deployment has by default, and with a process for every core. The peers run in an environment of
their own, as azmlinfsrv's packages don't agree with ours. Everything listens on 127.0.0.1.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import psutil

from benchmarks.bench import MLFLOW_VARIABLES, MODEL, RUNNER, Bench, path_with_uv
from benchmarks.findings import Finding, compare
from benchmarks.load import Address, Load, send
from benchmarks.memory import processes_below, shared_mb
from benchmarks.timing import ROOT, Program, ProgramFailed, run_once

PEERS = ROOT / "benchmarks" / "peers"
REQUEST = ROOT / "data" / "diabetes" / "request.json"
AZMLINFSRV, MLFLOW = "azmlinfsrv", "mlflow"
SAMPLE, PLAIN = "mlflow_style", "plain"  # endpoints, and the scripts that azmlinfsrv runs for them
KEY = "key-of-the-benchmark"
SERVER = "azureml-inference-server-http==1.5.1"  # that of Azure's containers
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
_START_SECONDS = 300.0
_END_SECONDS = 30.0


@dataclass(frozen=True)
class Size:
    """The size of a measurement."""

    rounds: int = 3
    seconds: float = 2.5  # of each load
    warm_up: float = 0.5
    connections: tuple[int, ...] = (1, 16, 64)
    kills: int = 10
    requests: int = 1_000  # while processes are killed
    crowd: int = 2_000  # connections at once
    lasting: tuple[int, int] = (10_000, 100_000)  # requests after which memory is read


QUICK = Size(rounds=1, seconds=1.0, kills=2, requests=200, crowd=300, lasting=(500, 1_000))
Startable = tuple[Program, Address]


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    name: str
    process: subprocess.Popen[bytes]
    address: Address
    started: float  # seconds until its first answer

    def workers(self) -> list[int]:
        """Return the processes that score: those below the server that have none below them."""
        found = []
        for process in processes_below(self.process.pid):
            with suppress(psutil.Error):
                if not process.children() and "resource_tracker" not in str(process.cmdline()):
                    found.append(process.pid)
        return found

    def memory_mb(self) -> float:
        """Return what its processes hold together; pages that they share count once."""
        pid = self.process.pid
        return sum(shared_mb(process) for process in (psutil.Process(pid), *processes_below(pid)))


@contextmanager
def running(server: Startable, scratch: Path) -> Iterator[Server]:
    """Start a server, wait until it answers a request, and end it with all that it started.

    Raises ProgramFailed where it ends before, or doesn't answer in time.
    """
    program, address = server
    log = scratch / f"{program.name}-{address.port}.txt"
    began = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            program.words(scratch),
            cwd=scratch,
            env=program.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        while _status(address) != 200:
            if process.poll() is not None or time.perf_counter() - began > _START_SECONDS:
                printed = log.read_text(errors="replace")[-2000:]
                raise ProgramFailed(f"{program.name} gives no answer\n{printed}")
            time.sleep(0.02)
        yield Server(program.name, process, address, time.perf_counter() - began)
    finally:
        below = processes_below(process.pid)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
        for child in below:
            with suppress(psutil.Error):
                child.kill()
        process.wait()


def _status(address: Address) -> int | None:
    connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=60)
    try:
        headers = {"Content-Type": "application/json", **dict(address.headers)}
        connection.request("POST", address.path, address.body, headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return answer.status


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def write_project(folder: Path) -> None:
    """Write a project with endpoints for the sample's model and for the plain script, each with one
    process and with as many as there are cores.

    Each takes more requests than the loads have connections, so that none is refused but of the
    crowd.
    """
    settings = {
        "request_timeout_ms": 60_000,
        "max_concurrent_requests_per_instance": 64,
        "max_queue_wait_ms": 60_000,
    }
    conda = {"dependencies": ["python=3.11", {"pip": [SERVER]}]}
    sources: dict[str, dict[str, object]] = {
        SAMPLE: {"model": {"name": "sample", "type": "mlflow_model", "path": str(MODEL)}},
        PLAIN: {
            "code_configuration": {
                "code": str(PEERS / "scoring"),
                "scoring_script": f"{PLAIN}.py",
            },
            "environment": {"image": "any", "conda_file": conda},
        },
    }
    for name, processes in product(sources, {1, CORES}):
        served = endpoint(name, processes)
        deployment = {
            "name": "blue",
            "endpoint_name": served,
            "instance_type": "Standard_DS3_v2",
            "environment_variables": {"WORKER_COUNT": str(processes)},
            "request_settings": settings,
            **sources[name],
        }
        models = folder / "models" / served
        models.mkdir(parents=True)
        traffic = {"name": served, "traffic": {"blue": 100}}
        (models / "online-endpoint.yml").write_text(json.dumps(traffic))
        (models / "online-deployment.yml").write_text(json.dumps(deployment))
    (folder / "Pulumi.yaml").write_text("name: serving\nruntime: python\n")


def endpoint(name: str, processes: int) -> str:
    """Return the name of an endpoint: Azure's names have no underscores."""
    return f"{name.replace('_', '-')}-{processes}"


def runner_server(scratch: Path, name: str, project: Path) -> Startable:
    """Return `runner serve` of a project's endpoint."""
    home = scratch / "home"
    key = home / "endpoints" / name / "key"
    key.parent.mkdir(parents=True, exist_ok=True)
    key.write_text(f"{KEY}\n")
    port = free_port()
    command = [sys.executable, "-m", "runner", "serve", name, "--port", str(port)]
    variables = {
        "RUNNER_HOME": str(home),
        "RUNNER_PROJECT": str(project),
        "PATH": path_with_uv(),
        "PYTHONPATH": str(ROOT),
    }
    headers = (("Authorization", f"Bearer {KEY}"),)
    return (
        Program(RUNNER, command, variables),
        Address(port, "/score", REQUEST.read_bytes(), headers),
    )


def azmlinfsrv_server(python: Path, name: str, processes: int) -> Startable:
    """Return azmlinfsrv with a script."""
    port = free_port()
    command = [
        *(str(python), str(PEERS / "azmlinfsrv.py")),
        *("--entry_script", str(PEERS / "scoring" / f"{name}.py"), "--model_dir", str(MODEL)),
        *("--port", str(port), "--worker_count", str(processes)),
    ]
    variables = {"AML_APP_INSIGHTS_ENABLED": "false", **MLFLOW_VARIABLES}
    return Program(AZMLINFSRV, command, variables), Address(port, "/score", REQUEST.read_bytes())


def mlflow_server(python: Path, processes: int) -> Startable:
    """Return `mlflow models serve` of the sample's model, asked for the same rows in its form."""
    port = free_port()
    command = [
        *(str(python.parent / "mlflow"), "models", "serve", "--model-uri", str(MODEL)),
        *("--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", str(processes)),
    ]
    path = os.pathsep.join([str(python.parent), os.environ.get("PATH", "")])
    rows = json.loads(REQUEST.read_text())["input_data"]
    body = json.dumps({"dataframe_split": rows}).encode()
    return (
        Program(MLFLOW, command, {"PATH": path, **MLFLOW_VARIABLES}),
        Address(port, "/invocations", body),
    )


def make_peers(folder: Path) -> Path:
    """Have uv make an environment of what Azure installs for the sample, and of its server."""
    python = folder / "bin" / "python"
    packages = [SERVER, *(MODEL / "requirements.txt").read_text().split()]
    for command in (
        ["uv", "venv", "--quiet", "--python", sys.executable, str(folder)],
        ["uv", "pip", "install", "--quiet", "--python", str(python), *packages],
    ):
        run_once(Program("uv", command, {"PATH": path_with_uv()}), folder.parent)
    return python


def measure_loads(
    what: str, servers: Sequence[Server], processes: int, size: Size
) -> list[Finding]:
    """Return rates and latencies of servers in turn, at each number of connections."""
    what += f", {processes} processes" if processes > 1 else ", 1 process"
    findings: list[Finding] = []
    for connections in size.connections:
        for server in servers:
            send(server.address, connections, seconds=size.warm_up)
        loads: dict[str, list[Load]] = {server.name: [] for server in servers}
        for _ in range(size.rounds):
            for server in servers:
                load = send(server.address, connections, seconds=size.seconds)
                if load.lost or set(load.statuses) != {200}:
                    raise ProgramFailed(f"{server.name}: {load.statuses}, {load.lost} lost")
                loads[server.name].append(load)
        at = f"{what}, {connections} connections" if connections > 1 else f"{what}, 1 connection"
        seconds = {name: tuple(1_000 / load.rate for load in each) for name, each in loads.items()}
        for peer in [server.name for server in servers[1:]]:
            least = 1.5 if processes == 1 and peer == AZMLINFSRV else None
            title = f"{at}: {peer} / runner, for 1,000 requests"
            findings.append(compare(title, seconds, peer, RUNNER, at_least=least))
        for name, each in loads.items():
            findings.append(Finding(f"{at}: {name}", tuple(load.rate for load in each), "/s"))
            for title, part in (("p50", 0.5), ("p99", 0.99)):
                samples = tuple(1_000 * load.percentile(part) for load in each)
                findings.append(Finding(f"{at}: {name}, {title}", samples, "ms"))
    return findings


def measure_kills(server: Server, size: Size) -> Finding:
    """Count the requests that are lost while processes that score are killed, one at a time.

    Lost is what isn't answered with 200. The load goes on until there were so many requests.
    """
    chance = random.Random(20)  # noqa: S311 (to be repeated, not to be secret)
    every = size.requests // (size.kills + 1)
    killed = 0

    def kill_worker(answered: int) -> None:
        nonlocal killed
        if answered < every * (killed + 1) or killed == size.kills:
            return
        workers = server.workers()
        if workers:
            killed += 1
            with suppress(ProcessLookupError):
                os.kill(chance.choice(workers), signal.SIGKILL)

    load = send(server.address, 16, requests=size.requests, answered=kill_worker)
    what = f"{server.name}: lost of {size.requests:,} requests, {killed} kills"
    return Finding(what, (float(size.requests - load.statuses[200]),), "", size.kills)


def measure_crowd(server: Server, size: Size) -> list[Finding]:
    """Count the statuses that many connections at once get: 200 or 429, and nothing else."""
    load = send(server.address, size.crowd, requests=size.crowd)
    what = f"{server.name}: {size.crowd:,} connections at once"
    other = size.crowd - load.statuses[200] - load.statuses[429]
    return [
        Finding(f"{what}, neither 200 nor 429", (float(other),), "", 0),
        Finding(f"{what}, 200", (float(load.statuses[200]),), ""),
    ]


def measure_memory(server: Server, size: Size) -> list[Finding]:
    """Return the memory of all its processes after some requests, and after ten times as many."""
    few, many = size.lasting
    send(server.address, 16, requests=few)
    before = server.memory_mb()
    send(server.address, 16, requests=many - few)
    growth = server.memory_mb() / before
    what = "runner: memory after"
    return [
        Finding(f"{what} {few:,} requests", (before,), "MB"),
        Finding(f"{what} {many:,} requests / after {few:,}", (growth,), at_most=1.05),
    ]


def measure_serving(bench: Bench) -> list[Finding]:
    """Ask online endpoints, and peers: rates, kills, a crowd, memory and start."""
    size = QUICK if bench.quick else Size()
    findings: list[Finding] = []
    with bench.scratch() as scratch, ExitStack() as stack:
        peers = (bench.peers_python or make_peers(scratch / "peers")).absolute()
        project = scratch / "project"
        write_project(project)

        def start(*servers: Startable) -> list[Server]:
            stack.close()  # what was measured before
            return [stack.enter_context(running(server, scratch)) for server in servers]

        for processes in sorted({1, CORES}):
            servers = start(
                runner_server(scratch, endpoint(SAMPLE, processes), project),
                azmlinfsrv_server(peers, SAMPLE, processes),
                mlflow_server(peers, processes),
            )
            findings += measure_loads("sample", servers, processes, size)
            findings.append(measure_kills(servers[0], size))
            servers = start(
                runner_server(scratch, endpoint(PLAIN, processes), project),
                azmlinfsrv_server(peers, PLAIN, processes),
            )
            findings += measure_loads("script", servers, processes, size)
        findings += measure_crowd(servers[0], size)
        (server,) = start(runner_server(scratch, endpoint(SAMPLE, CORES), project))
        findings += measure_memory(server, size)
        started = []
        for _ in range(size.rounds):
            (server,) = start(runner_server(scratch, "diabetes-online", ROOT))
            started.append(server.started)
        what = "runner: start of an endpoint with two deployments"
        return [*findings, Finding(what, tuple(started), "s")]
