"""Measure sending 1,000 files of 100 kB to blob storage: ours, and two ways of the SDKs.

    python benchmarks/upload.py              three rounds
    python benchmarks/upload.py --quick      a tenth of the files, one round: does it work?

The server is Azurite, in memory and without TLS, on this machine. Every way sends the same files to
a new container, in turn and in one process, after a warm-up; imports are not counted.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from azure.storage.blob import (
    ContainerClient,
    ContainerSasPermissions,
    generate_container_sas,
)

from benchmarks.findings import (
    Finding,
    Target,
    compare,
    describe_machine,
    format_table,
    write_results,
)
from benchmarks.timing import ROOT
from runner.assets.content import hash_content, hash_file, scan
from runner.azureml.uploads import upload

ACCOUNT = "benchmark"
KEY = "bm90IGEgc2VjcmV0OiB0aGUgc2VydmVyIGlzIG9uIHRoaXMgbWFjaGluZQ=="
FILES, SIZE = 1000, 100_000
THREADS = 16
STARTING = 120.0  # seconds

Way = Callable[[ContainerClient, Path], int]


def runner(container: ContainerClient, folder: Path) -> int:
    """As `runner data register` sends a folder, hashes and all."""
    content = scan(folder)
    hashes = {file.name: hash_file(file) for file in content.files}
    root = f"LocalUpload/{hash_content(content.shape, hashes.items())}/data"
    return upload(container, root, content, hashes, lambda _: None).bytes


def parallel(container: ContainerClient, folder: Path) -> int:
    """azure-storage-blob in as many threads, as upload-batch of other tools."""

    def send(file: Path) -> int:
        with file.open("rb") as stream:
            container.upload_blob(file.name, stream, overwrite=True)
        return file.stat().st_size

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(send, folder.iterdir()))


def sdk(container: ContainerClient, folder: Path) -> int:
    """As azure-ai-ml sends a folder when it registers it."""
    from azure.ai.ml._artifacts._blob_storage_helper import BlobStorageClient
    from azure.ai.ml._utils._asset_utils import get_object_hash

    client = BlobStorageClient(
        container.url.partition("?")[2],
        container.url.partition("?")[0].rpartition("/")[0],
        container.container_name,
    )
    digest = str(get_object_hash(folder))
    client.upload(str(folder), "data", "1", asset_hash=digest, show_progress=False)
    return sum(file.stat().st_size for file in folder.iterdir())


WAYS: dict[str, Way] = {"runner": runner, "parallel SDK": parallel, "azure-ai-ml": sdk}


def measure(server: str, folder: Path, rounds: int) -> list[Finding]:
    """Time every way in turn; the runner also a second time to the same container."""
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    again: list[float] = []
    size = sum(file.stat().st_size for file in folder.iterdir())
    for number in range(rounds + 1):
        for name, way in WAYS.items():
            container = new_container(server)
            took, sent = timed(way, container, folder)
            if sent != size:
                sys.exit(f"{name} sent {sent} bytes of {size}")
            if name == "runner":
                _, resent = timed(way, container, folder)
                again.append(resent)
            if number:  # the first round is the warm-up
                seconds[name].append(took)
    found = {name: tuple(values) for name, values in seconds.items()}
    target = Target("at most", 1.0)
    return [
        *(compare(f"runner / {one}", found, "runner", one, target) for one in list(WAYS)[1:]),
        Finding("bytes sent the second time", tuple(again), "B", Target("at most", 0)),
    ]


def timed(way: Way, container: ContainerClient, folder: Path) -> tuple[float, int]:
    """Seconds, and the bytes that were sent."""
    began = time.perf_counter()
    sent = way(container, folder)
    return time.perf_counter() - began, sent


def new_container(server: str) -> ContainerClient:
    """An empty container, signed in to as a datastore lets one in."""
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
    """Run the server; gives its address."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    command = [
        *(str(ROOT / "scripts" / "azurite"), "--silent", "--disableTelemetry"),
        *("--skipApiVersionCheck", "--inMemoryPersistence", "--blobPort", str(port)),
    ]
    process = subprocess.Popen(
        command,
        env={**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"},
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + STARTING
        while not listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit("Azurite did not start")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/{ACCOUNT}"
    finally:
        process.terminate()
        process.wait()


def listens(port: int) -> bool:
    """Whether anything answers there."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def main() -> None:
    """Exits with 1 where a target was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small and once; targets not judged")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    files = FILES // 10 if options.quick else FILES
    print(
        ", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in describe_machine().items())
    )
    with tempfile.TemporaryDirectory(prefix="upload-") as made, azurite() as server:
        for number in range(files):
            (Path(made) / f"{number:04d}.bin").write_bytes(os.urandom(SIZE))
        findings = measure(server, Path(made), 1 if options.quick else options.rounds)
    print(format_table(findings, judged=not options.quick))
    write_results(ROOT / "benchmarks" / "results" / "upload.json", findings, options.quick)
    sys.exit(not (options.quick or all(one.passed is not False for one in findings)))


if __name__ == "__main__":
    main()
