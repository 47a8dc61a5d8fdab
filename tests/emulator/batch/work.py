"""The parts that jobs of every type share: a folder, a process in it, and a log."""

from __future__ import annotations

import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from azure.core.exceptions import AzureError

from tests.emulator.batch.places import Place
from tests.emulator.blobs import Blobs

_SECONDS_BETWEEN_STORES = 0.2


class Failed(Exception):
    """The job failed; the text says why."""


@dataclass(frozen=True)
class Work(ABC):
    """One job's work. An event of its process is a mapping, of which `jobs` knows the keys."""

    workspace: str  # id
    job: str
    run: str  # whose artifacts hold the logs: the job's own, or the child that does the work
    log: str  # the file that has what the process prints
    live: bool  # whether the log is stored as it grows
    timeout: float | None  # seconds

    @abstractmethod
    def needs(self) -> Iterator[tuple[Place, str]]:
        """Give what the node does with data: where, and the action that a role has to allow."""

    @abstractmethod
    def fetch(self, blobs: Blobs, folder: Path) -> None:
        """Fill the job's folder. Raises Failed, Refusal, OSError."""

    @abstractmethod
    def begin(self, folder: Path) -> subprocess.Popen[str]:
        """Begin the process, whose output is read from its stdout."""

    @abstractmethod
    def read(self, line: str) -> dict[str, Any]:
        """Read a line of the process's output as an event."""

    @abstractmethod
    def signal(self, process: subprocess.Popen[str], number: int) -> None:
        """Send a signal. Raises ProcessLookupError where the process has ended."""

    @abstractmethod
    def check(self, status: int, last: dict[str, Any]) -> None:
        """Raise Failed unless the process did what it should; `last` has the last of each key."""

    @abstractmethod
    def deliver(self, blobs: Blobs, folder: Path, last: dict[str, Any]) -> None:
        """Store what the process made."""


class Log:
    """The files of a run's logs, stored as blobs when they grow.

    Each time they are stored whole, so the lines of a moment are stored together.
    """

    def __init__(self, blobs: Blobs, place: Place, name: str, live: bool) -> None:
        self._container = blobs.client(place.account).get_container_client(place.container)
        self._prefix = place.path
        self._name = name
        self._live = live
        self._lock = threading.RLock()
        self._stored = 0.0  # by the monotonic clock
        self._clock: threading.Timer | None = None  # while lines wait for the next time
        self._text = ""
        self._overview = ""
        self._overview_name = f"logs/job_progress_overview.{datetime.now(UTC):%Y%m%d%H%M%S}.txt"

    def write(self, text: str) -> None:
        """Add to what was printed."""
        with self._lock:
            self._text += text
            if not self._live or self._clock is not None:
                return
            wait = self._stored + _SECONDS_BETWEEN_STORES - time.monotonic()
            if wait <= 0:
                self.store()
                return
            self._clock = threading.Timer(wait, self._store_waiting)
            self._clock.daemon = True
            self._clock.start()

    def progress(self, done: int, total: int, files: int) -> None:
        """Tell it in the words that Azure's overview uses."""
        now = datetime.now(UTC).replace(tzinfo=None).isoformat()
        if not self._overview:
            self._overview = (
                f"{now} Scheduling finished. Scheduled {total} mini batches in 0 seconds."
                f" There are {total} tasks with {files} items.\n"
            )
        self._overview += (
            f"{now} Processed {done} of {total} mini batches in 0:00:01.\n"
            if done
            else f"{now} No task has been processed yet.\n"
        )
        self.store()

    def store(self) -> None:
        """Store the files as they are now."""
        with self._lock:
            if self._clock is not None:
                self._clock.cancel()
                self._clock = None
            for name, text in ((self._name, self._text), (self._overview_name, self._overview)):
                if text:
                    self._container.upload_blob(self._prefix + name, text.encode(), overwrite=True)
            self._stored = time.monotonic()

    def _store_waiting(self) -> None:
        with self._lock, suppress(AzureError):  # the store at the end says so
            if self._clock is not None:
                self.store()
