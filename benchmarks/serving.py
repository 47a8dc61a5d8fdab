"""Measure online endpoints: `runner serve` against bare azmlinfsrv and `mlflow models serve`.

    python benchmarks/serving.py            three rounds, in about eight minutes
    python benchmarks/serving.py --quick    one short round: does it work?

The sample's model and a script that does next to nothing, each with one process, which is what a
deployment has by default, and with a process for every core. This Python needs the dependency
groups `serve` and `mlflow`. The peers run in an environment of their own, as azmlinfsrv's packages
don't agree with ours: `--peers PYTHON` names it, else uv makes it, which has to be on PATH or in
`.uv/bin`. Everything listens on 127.0.0.1.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.cases import MODEL  # noqa: E402
from benchmarks.findings import (  # noqa: E402
    Finding,
    Target,
    compare,
    describe_machine,
    format_table,
    write_results,
)
from benchmarks.load import Address, Load, send  # noqa: E402
from benchmarks.memory import descendants, proportional_mb  # noqa: E402
from benchmarks.timing import Program, ProgramFailed, environment_for  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "serving.json"
SCRIPTS = ROOT / "benchmarks" / "peers" / "scoring"
REQUEST = ROOT / "data" / "diabetes" / "request.json"
RUNNER, AZMLINFSRV, MLFLOW = "runner", "azmlinfsrv", "mlflow"
SAMPLE, PLAIN = "mlflow_style", "plain"  # endpoints, and the scripts that azmlinfsrv runs for them
# What Azure installs for the sample, and the server of its containers.
PEERS = (
    "azureml-inference-server-http==1.5.1",
    *(line for line in (MODEL / "requirements.txt").read_text().splitlines() if line),
)
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


QUICK = Size(
    rounds=1,
    seconds=1.0,
    warm_up=0.5,
    kills=2,
    requests=200,
    crowd=300,
    lasting=(500, 1_000),
)


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    name: str
    process: subprocess.Popen[bytes]
    address: Address
    started: float  # seconds until its first answer

    def workers(self) -> list[int]:
        """The processes that score: those below the server that have none below themselves."""
        below = descendants(self.process.pid)
        parents = {above[0] for above in below.values()}
        return [
            pid
            for pid in below
            if pid not in parents and "resource_tracker" not in _command_line(pid)
        ]


@contextmanager
def running(program: Program, scratch: Path, address: Address) -> Iterator[Server]:
    """Start a server, wait until it answers a request, and end it with all that it started.

    Raises ProgramFailed where it ends before, or doesn't answer in time.
    """
    log = scratch / f"{program.name}-{address.port}.txt"
    began = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            program.command(scratch),
            cwd=scratch,
            env=environment_for(program),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        while _status(address) != 200:
            if process.poll() is not None or time.perf_counter() - began > _START_SECONDS:
                said = log.read_text(errors="replace")[-2000:]
                raise ProgramFailed(f"{program.name} gives no answer\n{said}")
            time.sleep(0.02)
        yield Server(program.name, process, address, time.perf_counter() - began)
    finally:
        _end(process)


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


def _end(process: subprocess.Popen[bytes]) -> None:
    below = descendants(process.pid)
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_END_SECONDS)
    for pid in below:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def _command_line(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    return ""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def write_project(folder: Path) -> None:
    """A project with endpoints for the sample's model and for the plain script, each with one
    process and with as many as there are cores.

    Each takes more requests than the loads have connections, so that none is refused but of the
    crowd.
    """
    settings = {
        "request_timeout_ms": 60_000,
        "max_concurrent_requests_per_instance": 64,
        "max_queue_wait_ms": 60_000,
    }
    for name, processes in product((SAMPLE, PLAIN), {1, CORES}):
        served = endpoint(name, processes)
        deployment: dict[str, object] = {
            "name": "blue",
            "endpoint_name": served,
            "instance_type": "Standard_DS3_v2",
            "environment_variables": {"WORKER_COUNT": str(processes)},
            "request_settings": settings,
        }
        if name == SAMPLE:
            deployment["model"] = {"name": "sample", "type": "mlflow_model", "path": str(MODEL)}
        else:
            conda = {"dependencies": ["python=3.11", {"pip": [PEERS[0]]}]}
            deployment["code_configuration"] = {
                "code": str(SCRIPTS),
                "scoring_script": f"{name}.py",
            }
            deployment["environment"] = {"image": "any", "conda_file": conda}
        written = {
            "online-endpoint.yml": {"name": served, "traffic": {"blue": 100}},
            "online-deployment.yml": deployment,
        }
        models = folder / "models" / served
        models.mkdir(parents=True)
        for file, content in written.items():
            (models / file).write_text(json.dumps(content))
    (folder / "Pulumi.yaml").write_text("name: serving\nruntime: python\n")


def endpoint(name: str, processes: int) -> str:
    """The name of an endpoint: Azure's names have no underscores."""
    return f"{name.replace('_', '-')}-{processes}"


def runner_server(scratch: Path, name: str) -> tuple[Program, Address]:
    """`runner serve` of an endpoint of the scratch project, or of the repository's own."""
    own = (scratch / "project" / "models" / name).is_dir()
    project = scratch / "project" if own else ROOT
    home = scratch / "home"
    key = home / "endpoints" / name / "key"
    if not key.exists():
        key.parent.mkdir(parents=True)
        key.write_text("key-of-the-benchmark\n")
    port = free_port()
    command = [sys.executable, "-m", "runner", "serve", name, "--port", str(port)]
    variables = {
        "RUNNER_HOME": str(home),
        "RUNNER_PROJECT": str(project),
        "PATH": _path_with_uv(),
        "PYTHONPATH": str(ROOT),
    }
    headers = (("Authorization", f"Bearer {key.read_text().strip()}"),)
    address = Address(port, "/score", REQUEST.read_bytes(), headers)
    return Program(RUNNER, lambda _: command, variables), address


def azmlinfsrv_server(python: Path, name: str, processes: int) -> tuple[Program, Address]:
    """azmlinfsrv with a script."""
    port = free_port()
    command = [
        *(str(python), str(ROOT / "benchmarks" / "peers" / "azmlinfsrv.py")),
        *("--entry_script", str(SCRIPTS / f"{name}.py"), "--model_dir", str(MODEL)),
        *("--port", str(port), "--worker_count", str(processes)),
    ]
    variables = {"AML_APP_INSIGHTS_ENABLED": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    address = Address(port, "/score", REQUEST.read_bytes())
    return Program(AZMLINFSRV, lambda _: command, variables), address


def mlflow_server(python: Path, processes: int) -> tuple[Program, Address]:
    """`mlflow models serve` of the sample's model, asked for the same rows in its own form."""
    port = free_port()
    command = [
        *(str(python.parent / "mlflow"), "models", "serve", "--model-uri", str(MODEL)),
        *("--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", str(processes)),
    ]
    path = os.pathsep.join([str(python.parent), os.environ.get("PATH", "")])
    rows = json.loads(REQUEST.read_text())["input_data"]
    body = json.dumps({"dataframe_split": rows}).encode()
    variables = {"PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"}
    return Program(MLFLOW, lambda _: command, variables), Address(port, "/invocations", body)


def _path_with_uv() -> str:
    return os.pathsep.join([str(ROOT / ".uv" / "bin"), os.environ.get("PATH", "")])


def make_peers(folder: Path) -> Path:
    """Make an environment with the peers in it by uv. Raises ProgramFailed."""
    python = folder / "bin" / "python"
    for command in (
        ["uv", "venv", "--quiet", "--python", sys.executable, str(folder)],
        ["uv", "pip", "install", "--quiet", "--python", str(python), *PEERS],
    ):
        environment = {**os.environ, "PATH": _path_with_uv()}
        done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise ProgramFailed(f"{' '.join(command[:3])}: {done.stderr[-2000:]}")
    return python


def measure_loads(
    what: str, servers: Sequence[Server], processes: int, size: Size
) -> list[Finding]:
    """Rates and latencies of servers in turn, at each number of connections."""
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
        findings += _rates(at, loads, Target("at least", 1.5) if processes == 1 else None)
    return findings


def _rates(at: str, loads: dict[str, list[Load]], wanted: Target | None) -> list[Finding]:
    seconds = {name: tuple(1_000 / load.rate for load in each) for name, each in loads.items()}
    findings = [
        compare(f"{at}: {peer} / runner, for 1,000 requests", seconds, peer, RUNNER, target)
        for peer, target in ((AZMLINFSRV, wanted), (MLFLOW, None))
        if peer in loads
    ]
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

    def kill_one(answered: int) -> None:
        nonlocal killed
        if answered < every * (killed + 1) or killed == size.kills:
            return
        workers = server.workers()
        if workers:
            killed += 1
            with suppress(ProcessLookupError):
                os.kill(chance.choice(workers), signal.SIGKILL)

    load = send(server.address, 16, requests=size.requests, answered=kill_one)
    lost = load.lost + sum(load.statuses.values()) - load.statuses[200]
    what = f"{server.name}: lost of {size.requests:,} requests, {killed} kills"
    target = Target("at most", size.kills) if server.name == RUNNER else None
    return Finding(what, (float(lost),), "", target)


def measure_crowd(server: Server, size: Size) -> list[Finding]:
    """The statuses that many connections at once get: 200 or 429, and nothing else."""
    load = send(server.address, size.crowd, requests=size.crowd)
    what = f"{server.name}: {size.crowd:,} connections at once"
    other = load.lost + sum(load.statuses.values()) - load.statuses[200] - load.statuses[429]
    target = Target("at most", 0) if server.name == RUNNER else None
    return [
        Finding(f"{what}, neither 200 nor 429", (float(other),), "", target),
        Finding(f"{what}, 200", (float(load.statuses[200]),), ""),
    ]


def measure_memory(server: Server, size: Size) -> list[Finding]:
    """The memory of all its processes after some requests, and after ten times as many."""
    held = []
    done = 0
    for requests in size.lasting:
        send(server.address, 16, requests=requests - done)
        done = requests
        held.append(proportional_mb([server.process.pid, *descendants(server.process.pid)]))
    few, many = (f"{requests:,}" for requests in size.lasting)
    return [
        Finding(f"runner: memory after {few} requests", (held[0],), "MB"),
        Finding(
            f"runner: memory after {many} requests / after {few}",
            (held[1] / held[0],),
            target=Target("at most", 1.05),
        ),
    ]


def measure(size: Size, peers: Path, scratch: Path) -> list[Finding]:
    """Measure everything, with the same machine for each server in turn."""
    write_project(scratch / "project")
    findings: list[Finding] = []
    for processes in sorted({1, CORES}):
        with ExitStack() as stack:
            servers = [
                stack.enter_context(running(*_placed(made, scratch)))
                for made in (
                    runner_server(scratch, endpoint(SAMPLE, processes)),
                    azmlinfsrv_server(peers, SAMPLE, processes),
                    mlflow_server(peers, processes),
                )
            ]
            findings += measure_loads("sample", servers, processes, size)
            if processes == CORES:
                findings += [measure_kills(server, size) for server in servers]
        with ExitStack() as stack:
            servers = [
                stack.enter_context(running(*_placed(made, scratch)))
                for made in (
                    runner_server(scratch, endpoint(PLAIN, processes)),
                    azmlinfsrv_server(peers, PLAIN, processes),
                )
            ]
            findings += measure_loads("script", servers, processes, size)
            if processes == CORES:
                for server in servers:
                    findings += measure_crowd(server, size)
    with running(*_placed(runner_server(scratch, endpoint(SAMPLE, CORES)), scratch)) as server:
        findings += measure_memory(server, size)
    return [*findings, *measure_start(size, peers, scratch)]


def measure_start(size: Size, peers: Path, scratch: Path) -> list[Finding]:
    """Seconds until the sample's endpoint answers, with its two deployments, and azmlinfsrv."""
    seconds: dict[str, list[float]] = {RUNNER: [], AZMLINFSRV: []}
    for _ in range(size.rounds):
        for made in (
            runner_server(scratch, "diabetes-online"),
            azmlinfsrv_server(peers, SAMPLE, CORES),
        ):
            with running(*_placed(made, scratch)) as server:
                seconds[server.name].append(server.started)
    return [
        Finding("runner: start of an endpoint with two deployments", tuple(seconds[RUNNER]), "s"),
        Finding("azmlinfsrv: start with the sample", tuple(seconds[AZMLINFSRV]), "s"),
    ]


def _placed(made: tuple[Program, Address], scratch: Path) -> tuple[Program, Path, Address]:
    program, address = made
    return program, scratch, address


def main() -> None:
    """Measure, print a table and keep the raw figures. Exits with 1 where a target was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round; targets not judged")
    parser.add_argument("--peers", type=Path, help="a Python with azmlinfsrv and mlflow")
    options = parser.parse_args()
    print(", ".join(f"{key.replace('_', ' ')}: {it}" for key, it in describe_machine().items()))
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        scratch = Path(folder).resolve()
        peers = options.peers.absolute() if options.peers else make_peers(scratch / "peers")
        findings = measure(QUICK if options.quick else Size(), peers, scratch)
    print(format_table(findings, judged=not options.quick))
    write_results(RESULTS, findings, options.quick)
    sys.exit(any(finding.passed is False for finding in findings) and not options.quick)


if __name__ == "__main__":
    main()
