"""The work of a batch job: its process scores with the local batch engine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.emulator.authorization import (
    PROCESS_MESSAGES,
    READ_BLOBS,
    WRITE_BLOBS,
    WRITE_ENTITIES,
)
from tests.emulator.batch.places import Place, download, is_empty, model_root, upload
from tests.emulator.batch.task import Task
from tests.emulator.batch.work import Failed, Work
from tests.emulator.blobs import Blobs

ROOT = Path(__file__).parents[3]
LOG = "user_logs/std_log_0.txt"


@dataclass(frozen=True)
class ScoringWork(Work):
    """A task, which `scoring` runs in a process of its own."""

    task: Task

    def needs(self) -> Iterator[tuple[Place, str]]:
        """Read what is scored, write what comes of it, and share the mini-batches out."""
        task = self.task
        for place in (task.input, task.model, task.code):
            if place is not None:
                yield place, READ_BLOBS
        yield task.output, WRITE_BLOBS
        yield task.output, PROCESS_MESSAGES
        yield task.output, WRITE_ENTITIES

    def fetch(self, blobs: Blobs, folder: Path) -> None:
        """Fetch input, model and code, and write the task down."""
        task = self.task
        if not is_empty(blobs, task.output):
            raise Failed(f"The output {task.output_uri} already exists.")
        fetched = download(blobs, task.input, folder / "input")
        if fetched.is_file():
            (folder / "input-file").write_text(fetched.name)
        if task.model:
            download(blobs, task.model, _target(model_root(folder, task.model), task.model))
        if task.code:
            download(blobs, task.code.as_folder(), folder / "code")
        (folder / "task.json").write_text(json.dumps(task.to_json()))

    def begin(self, folder: Path) -> subprocess.Popen[str]:
        """Begin the engine's process."""
        return subprocess.Popen(
            [sys.executable, "-m", "tests.emulator.batch.scoring", str(folder)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    def read(self, line: str) -> dict[str, Any]:
        """Read an event, or a line that something below the engine printed."""
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        return event if isinstance(event, dict) else {"log": line.rstrip("\n")}

    def signal(self, process: subprocess.Popen[str], number: int) -> None:
        """Tell the engine alone, which ends its workers."""
        process.send_signal(number)

    def check(self, status: int, last: dict[str, Any]) -> None:
        """It has to leave an output."""
        if status or "output" not in last:
            raise Failed(last.get("error") or f"The job's process ended with status {status}.")

    def deliver(self, blobs: Blobs, folder: Path, last: dict[str, Any]) -> None:
        """Store the folder that the engine named."""
        upload(blobs, Path(last["output"]), self.task.output)


def scoring_work(task: Task) -> ScoringWork:
    """Return the work of a task."""
    return ScoringWork(task.workspace, task.job, task.child, LOG, False, None, task)


def _target(root: Path, place: Place) -> Path:
    """Fetch a folder as the model's own folder, a single blob into the one above it."""
    return root if place.path.endswith("/") or "." not in root.name else root.parent
