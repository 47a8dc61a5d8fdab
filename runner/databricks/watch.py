"""The watch over a job until it is final, by its run and by what its host leaves in the volume."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from runner.databricks.files import list_folder, read_file
from runner.databricks.job_runs import find_run, get_run, job_place, output_of
from runner.databricks.jobs import find_request, job_record
from runner.engine.layout import worker_logs
from runner.errors import EnvironmentRefused
from runner.files.atomic import write_atomically
from runner.jobs.batch_progress import Counter, Tail
from runner.jobs.folder import log_file
from runner.jobs.polling import first_pause, next_pause
from runner.workspace import JobStatus, LogLine, Progress

if TYPE_CHECKING:
    from runner.databricks.connection import Connection

_TOLD = ("journal.jsonl", "loaded", "plan.json", "starts.txt")  # they tell a job's progress
_LOGS = "logs"


def watch(connection: Connection, name: str, logs: bool = True) -> Iterator[Progress | LogLine]:
    """Yield the job's progress and, where asked, its log's lines until it is final.

    It looks after RUNNER_POLL_INTERVAL seconds (2), then ever less often, up to half a minute.
    Raises NotFound for a job that isn't there.
    """
    pause = first_pause()
    asked = find_request(connection, name)
    run = find_run(connection, name, asked.job_id)
    with TemporaryDirectory(prefix="runner-follow-") as folder:
        copy = _Copy(connection, job_place(connection, name), Path(folder))
        while True:
            status = job_record(connection, asked, run).status
            if asked.type == "batch":
                copy.look(logs, status)
            if logs:
                yield from map(LogLine, copy.lines(status.final))
            if logs and status.final and asked.type != "batch" and run is not None:
                printed = str(output_of(connection, run).get("logs") or "")
                yield from map(LogLine, printed.splitlines())
            yield copy.progress(status)
            if status.final:
                return
            time.sleep(pause)
            pause = next_pause(pause)
            assert run is not None
            run = get_run(connection, int(run["run_id"]))


class _Copy:
    """A copy of the files that tell a job's progress, as they were at the last look."""

    def __init__(self, connection: Connection, place: str, folder: Path) -> None:
        self._connection = connection
        self._place = place
        self._folder = folder
        self._sizes: dict[str, int] = {}
        self._tails: dict[Path, Tail] = {}
        self._counter: Counter | None = None

    def look(self, logs: bool, status: JobStatus) -> None:
        """Fetch what has changed. The job goes on whether or not that works."""
        if status is JobStatus.QUEUED:
            return  # nobody has written anything
        try:
            for entry in list_folder(self._connection, self._place):
                if entry.name in _TOLD:
                    self._fetch(entry.name, entry.size, status.final)
            for entry in list_folder(self._connection, f"{self._place}/{_LOGS}") if logs else ():
                self._fetch(f"{_LOGS}/{entry.name}", entry.size, status.final)
        except EnvironmentRefused:  # the next look is another try
            return

    def lines(self, last: bool) -> Iterator[str]:
        """Yield the lines of the job's logs that are new since the last call."""
        for path in (log_file(self._folder), *worker_logs(self._folder)):
            tail = self._tails.setdefault(path, Tail(path))
            for line in tail.lines(ended=last):
                yield line.decode("utf-8", "replace")

    def progress(self, status: JobStatus) -> Progress:
        if self._counter is None:
            return Progress(status, 0, 0, 0, 0)
        return self._counter.progress(status)

    def _fetch(self, name: str, size: int, again: bool) -> None:
        if self._sizes.get(name) == size and not again:
            return
        content = read_file(self._connection, f"{self._place}/{name}")
        if content is None:
            return
        self._sizes[name] = size
        path = self._folder / name
        path.parent.mkdir(exist_ok=True)
        before = path.read_bytes() if path.exists() else b""
        if content.startswith(before):  # the usual case: readers go on where they were
            with path.open("ab") as file:
                file.write(content[len(before) :])
        else:
            write_atomically(path, content.decode("utf-8", "backslashreplace"))
        if name == "starts.txt" and content != before:
            self._counter = Counter(self._folder)  # in another run other attempts count
