"""Running jobs: a thread watches each one's process and tells the state what it does."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from azure.core.exceptions import AzureError

from tests.emulator.batch.command import command_task_from, command_work
from tests.emulator.batch.node_access import require_access
from tests.emulator.batch.places import Place, find_place
from tests.emulator.batch.scoring_work import scoring_work
from tests.emulator.batch.task import task_from
from tests.emulator.batch.work import Failed, Log, Work
from tests.emulator.blobs import Blobs
from tests.emulator.messages import Refusal
from tests.emulator.ml.references import WORKSPACE
from tests.emulator.state import Resource, State

FINAL = frozenset({"Completed", "Failed", "Canceled"})
ARTIFACTS = "workspaceartifactstore"
STAGES = "azureml.pipelines.stages"
_SIGNATURE = re.compile(r"(?i)\b(sig=)[^&\s'\"]+")


def work_of(job: Resource) -> Work:
    """Return the work of a job, by its type."""
    task = job.secrets["task"]
    if job.properties["jobType"] == "Command":
        return command_work(command_task_from(task))
    return scoring_work(task_from(task))


def logs_of(state: State, workspace: str, run: str) -> Place:
    """Return the place of a run's logs."""
    return find_place(
        state, workspace, f"azureml://datastores/{ARTIFACTS}/paths/ExperimentRun/dcid.{run}/"
    )


@dataclass
class RunningJobs:
    """The jobs of a cloud. Those that an earlier process left unfinished are begun anew."""

    state: State
    blobs: Blobs
    folder: Path
    _processes: dict[str, tuple[Work, subprocess.Popen[str]]] = field(default_factory=dict)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopping: bool = False

    def take_up(self) -> None:
        """Begin anew what was cut off."""
        for job in self.state.of_type(f"{WORKSPACE}/jobs"):
            if "task" in job.secrets and job.properties["status"] not in FINAL:
                self.start(job)

    def start(self, job: Resource) -> None:
        """Begin a job. It runs on its own from here."""
        thread = threading.Thread(target=self._run, args=(job.key,), daemon=True)
        with self._lock:
            self._threads.append(thread)
        thread.start()

    def cancel(self, job: Resource) -> None:
        """Ask a job to end; it is Canceled once its process has ended.

        One that has ended, whatever it was when the caller looked, stays as it is.
        """
        with self.state.transaction():
            found = self.state.get(job.key)
            if found is None or found.properties["status"] in FINAL:
                return
            self.state.update(found, {"status": "CancelRequested"})
        with self._lock:
            running = self._processes.get(job.key)
        if running is not None:
            _signal(*running, signal.SIGTERM)

    def stop(self) -> None:
        """End all processes; what they were at stays unfinished."""
        self._stopping = True
        with self._lock:
            processes, threads = list(self._processes.values()), list(self._threads)
        for running in processes:
            _signal(*running, signal.SIGKILL)
        for thread in threads:
            thread.join(10)

    def _run(self, key: str) -> None:
        found = self.state.get(key)
        if found is None:
            return
        work = work_of(found)
        folder = self.folder / work.job
        shutil.rmtree(folder, ignore_errors=True)
        place = logs_of(self.state, work.workspace, work.run)
        log = Log(self.blobs, place, work.log, work.live)
        try:
            require_access(self.state, found, work)
            work.fetch(self.blobs, folder)
            self._set(key, status="Running")
            self._work(found, work, folder, log)
        except (OSError, Refusal, Failed, AzureError) as error:
            if not self._stopping:
                self._fail(key, log, _message(error))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _work(self, job: Resource, work: Work, folder: Path, log: Log) -> None:
        key = job.key
        process = work.begin(folder)
        with self._lock:
            self._processes[key] = (work, process)
        if self._stopping:  # `stop` may have looked before there was a process
            _signal(work, process, signal.SIGKILL)
        elif self._status(key) == "CancelRequested":
            _signal(work, process, signal.SIGTERM)
        clock = threading.Timer(work.timeout or 0, self.cancel, [job])
        clock.daemon = True
        if work.timeout:
            clock.start()
        try:
            last = _watch(work, process, log)
            status = process.wait()
        finally:
            clock.cancel()
            with self._lock:
                self._processes.pop(key, None)
            if process.poll() is None:
                _signal(work, process, signal.SIGKILL)
                process.wait()
        if self._stopping:
            return
        if self._status(key) == "CancelRequested":
            log.store()
            self._end(key, "Canceled")
            return
        work.check(status, last)
        self._set(key, status="Finalizing")
        work.deliver(self.blobs, folder, last)
        log.store()
        self._end(key, "Completed")

    def _fail(self, key: str, log: Log, message: str) -> None:
        with suppress(AzureError):  # what can't be logged is told by the job all the same
            log.write(f"{message}\n")
            log.store()
        self._end(key, "Failed", {"code": "UserError", "message": message})

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


def _watch(work: Work, process: subprocess.Popen[str], log: Log) -> dict[str, Any]:
    """Follow a process to its end, and give the last of what each of its events said."""
    assert process.stdout is not None
    last: dict[str, Any] = {}
    for line in process.stdout:
        event = work.read(line)
        last |= event
        if "log" in event:
            log.write(event["log"] + "\n")
        elif "done" in event:
            log.progress(event["done"], event["of"], event["files"])
    return last


def _message(error: Exception) -> str:
    if isinstance(error, Refusal):
        return str(error.error["message"])
    if isinstance(error, AzureError):  # the lines after the first name the request
        return _SIGNATURE.sub(r"\1***", error.message.partition("\n")[0])
    return str(error)


def _signal(work: Work, process: subprocess.Popen[str], number: int) -> None:
    with suppress(ProcessLookupError):
        work.signal(process, number)


def _timed(facts: dict[str, str], status: str) -> dict[str, str]:
    """Return a run's notes, with when its work began or ended."""
    moment = "StartTime" if status == "Running" else "EndTime" if status in FINAL else None
    if moment is None:
        return facts
    stages = json.loads(facts.get(STAGES) or "{}")
    stages.setdefault("Execution", {})[moment] = datetime.now(UTC).isoformat()
    return {**facts, STAGES: json.dumps(stages)}
