"""Running jobs: a thread watches each one's process and tells the state what it does."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.emulator.batch.invocation import JOBS
from tests.emulator.batch.places import Place, download, find_place, is_empty, model_root, upload
from tests.emulator.batch.task import Task, task_from
from tests.emulator.blobs import Blobs
from tests.emulator.messages import Refusal
from tests.emulator.state import Resource, State

ROOT = Path(__file__).parents[3]
FINAL = frozenset({"Completed", "Failed", "Canceled"})
ARTIFACTS = "workspaceartifactstore"
STAGES = "azureml.pipelines.stages"
USER_LOG = "user_logs/std_log_0.txt"


@dataclass
class BatchJobs:
    """The jobs of a cloud. Those that an earlier process left unfinished are begun anew."""

    state: State
    blobs: Blobs
    folder: Path
    _processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopping: bool = False

    def take_up(self) -> None:
        """Begin anew what was cut off."""
        for job in self.state.of_type(JOBS):
            if "task" in job.secrets and job.properties["status"] not in FINAL:
                self.start(job)

    def start(self, job: Resource) -> None:
        """Begin a job. It runs on its own from here."""
        thread = threading.Thread(target=self._run, args=(job.key,), daemon=True)
        with self._lock:
            self._threads.append(thread)
        thread.start()

    def cancel(self, job: Resource) -> None:
        """Ask a job to end; it is Canceled once its process has ended."""
        self.state.update(job, {"status": "CancelRequested"})
        with self._lock:
            process = self._processes.get(job.key)
        if process is not None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """End all processes; what they were at stays unfinished."""
        self._stopping = True
        with self._lock:
            processes, threads = list(self._processes.values()), list(self._threads)
        for process in processes:
            process.kill()
        for thread in threads:
            thread.join(10)

    def _run(self, key: str) -> None:
        found = self.state.get(key)
        if found is None:
            return
        task = task_from(found.secrets["task"])
        folder = self.folder / task.job
        shutil.rmtree(folder, ignore_errors=True)
        log = _Log(self.blobs, _artifacts(self.state, task))
        try:
            self._fetch(task, folder)
            self._set(key, status="Running")
            self._score(key, task, folder, log)
        except (OSError, Refusal, _Failed) as error:
            if not self._stopping:
                message = error.error["message"] if isinstance(error, Refusal) else str(error)
                log.write(f"{message}\n")
                log.store()
                self._end(key, "Failed", {"code": "UserError", "message": message})
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _fetch(self, task: Task, folder: Path) -> None:
        if not is_empty(self.blobs, task.output):
            raise _Failed(f"The output {task.output_uri} already exists.")
        fetched = download(self.blobs, task.input, folder / "input")
        if fetched.is_file():
            (folder / "input-file").write_text(fetched.name)
        if task.model:
            download(self.blobs, task.model, _target(model_root(folder, task.model), task.model))
        if task.code:
            download(
                self.blobs,
                Place(**{**vars(task.code), "path": task.code.path.rstrip("/") + "/"}),
                folder / "code",
            )
        (folder / "task.json").write_text(json.dumps(task.to_json()))

    def _score(self, key: str, task: Task, folder: Path, log: _Log) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.emulator.batch.scoring", str(folder)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with self._lock:
            self._processes[key] = process
        if self._status(key) == "CancelRequested":
            process.send_signal(signal.SIGTERM)
        output, error = None, None
        for event in _events(process):
            if "log" in event:
                log.write(event["log"] + "\n")
            elif "done" in event:
                log.progress(event["done"], event["of"], event["files"])
            output = event.get("output", output)
            error = event.get("error", error)
        status = process.wait()
        with self._lock:
            self._processes.pop(key, None)
        if self._stopping:
            return
        if self._status(key) == "CancelRequested":
            log.store()
            self._end(key, "Canceled")
        elif status or output is None:
            raise _Failed(error or f"The job's process ended with status {status}.")
        else:
            self._set(key, status="Finalizing")
            upload(self.blobs, Path(output), task.output)
            log.store()
            self._end(key, "Completed")

    def _status(self, key: str) -> str:
        found = self.state.get(key)
        return str(found.properties["status"]) if found else ""

    def _end(self, key: str, status: str, error: dict[str, Any] | None = None) -> None:
        self._set(key, status=status, **({"error": error} if error else {}))

    def _set(self, key: str, **properties: Any) -> None:
        with self.state.transaction():
            job = self.state.get(key)
            cancelled = job is not None and job.properties["status"] == "CancelRequested"
            if job is not None and not (cancelled and properties["status"] not in FINAL):
                facts = _timed(job.properties.get("properties") or {}, properties["status"])
                self.state.update(job, {**properties, "properties": facts})


class _Failed(Exception):
    """The job failed; the text says why."""


class _Log:
    """The files of the child's logs, stored as blobs when they grow."""

    def __init__(self, blobs: Blobs, place: Place) -> None:
        self._container = blobs.client(place.account).get_container_client(place.container)
        self._prefix = place.path
        self._text = ""
        self._overview = ""
        self._overview_name = f"logs/job_progress_overview.{datetime.now(UTC):%Y%m%d%H%M%S}.txt"

    def write(self, text: str) -> None:
        self._text += text

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
        for name, text in ((USER_LOG, self._text), (self._overview_name, self._overview)):
            if text:
                self._container.upload_blob(self._prefix + name, text.encode(), overwrite=True)


def _events(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    for line in process.stdout:
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        yield event if isinstance(event, dict) else {"log": line.rstrip("\n")}


def _timed(facts: dict[str, str], status: str) -> dict[str, str]:
    """A run's notes, with when its work began or ended."""
    moment = "StartTime" if status == "Running" else "EndTime" if status in FINAL else None
    if moment is None:
        return facts
    stages = json.loads(facts.get(STAGES) or "{}")
    stages.setdefault("Execution", {})[moment] = datetime.now(UTC).isoformat()
    return {**facts, STAGES: json.dumps(stages)}


def _artifacts(state: State, task: Task) -> Place:
    address = f"azureml://datastores/{ARTIFACTS}/paths/ExperimentRun/dcid.{task.child}/"
    return find_place(state, task.workspace, address)


def _target(root: Path, place: Place) -> Path:
    """A folder is fetched as the model's own folder, a single blob into the one above it."""
    return root if place.path.endswith("/") or "." not in root.name else root.parent
