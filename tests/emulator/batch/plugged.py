"""A cloud that scores: blobs that are kept, jobs that run, online deployments that answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.emulator.batch import history, invocation, tracking
from tests.emulator.batch.jobs import RunningJobs
from tests.emulator.blobs import Blobs
from tests.emulator.emulator import Emulator
from tests.emulator.online_scoring import OnlineScoring


@contextmanager
def scoring(emulator: Emulator) -> Iterator[Blobs]:
    """Give a cloud blob storage and let its jobs and deployments run, until the block ends."""
    folder = emulator.folder
    hosts = ("127.0.0.1", "*.blob.core.azure.test")
    certificate, key = emulator.certificates.files("blobs", *hosts)
    with Blobs(folder / "blobs", certificate, key, emulator.certificates.authority) as blobs:
        jobs = RunningJobs(emulator.cloud.state, blobs, folder / "jobs")
        emulator.use_storage(blobs)
        emulator.use_jobs(jobs)
        online = OnlineScoring(blobs, folder / "online")
        routes = (*invocation.ROUTES, *history.ROUTES, *tracking.ROUTES, *online.routes())
        emulator.add_routes(routes)
        jobs.take_up()
        try:
            yield blobs
        finally:
            jobs.stop()
            online.stop()
