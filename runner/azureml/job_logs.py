"""Reads the log files of a batch job, its progress from them, and the reason of its failure.

A batch job is a pipeline run with a child, `batchscoring`. The child writes its progress to
`logs/job_progress_overview.<time>.txt`, and the errors of its script to `logs/user/error.txt` and
`logs/user/error/<node>/process<number>.txt`. The run history lists all files by addresses that are
signed for a while.
https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-batch-endpoints
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from runner.azure.client import Client, Retry
from runner.azure.errors import scrub
from runner.azure.ways_out import way_out_of_words
from runner.errors import EnvironmentRefused

if TYPE_CHECKING:
    from runner.azureml.connection import Connection

_PROGRESS = re.compile(r"logs/(?:user/|azureml/)?(?:job_progress_overview|progress)\b.*")
_ERRORS = re.compile(r"logs/(?:user/)?(?:error|job_error|job_result)\b.*\.txt")
_SHOWN = (
    re.compile(r"logs/azureml/executionlogs\.txt"),
    re.compile(r"user_logs/std_log[^/]*\.txt"),
    re.compile(r"azureml-logs/70_driver_log\.txt"),
    _PROGRESS,
    re.compile(r"logs/user/stdout/.*\.txt"),
    _ERRORS,
)
_SCHEDULED = re.compile(r"Scheduled (\d+) mini batch")
_ITEMS = re.compile(r"There are (\d+) tasks? with (\d+) items?")
_PROCESSED = re.compile(r"Processed (\d+) of (\d+) mini batch")
_FAILED_ITEMS = re.compile(r"(\d+) (?:items?|files?) failed|failed (?:items?|files?):? (\d+)", re.I)
_SCORING = "batchscoring"  # the child's name
_LAST_LINES = 3


@dataclass(frozen=True)
class Advance:
    """The progress that a log tells so far."""

    mini_batches: int = 0
    mini_batches_done: int = 0
    files: int = 0
    failed_files: int | None = None  # None where the log does not mention them

    def after(self, line: str) -> Advance:
        """Return the progress after one more line of the log."""
        total, done, files, failed = astuple(self)
        if found := _SCHEDULED.search(line):
            total = max(total, int(found[1]))
        if found := _ITEMS.search(line):
            total, files = max(total, int(found[1])), int(found[2])
        if found := _PROCESSED.search(line):
            done, total = int(found[1]), max(total, int(found[2]))
        if found := _FAILED_ITEMS.search(line):
            failed = int(found[1] or found[2])
        return Advance(total, done, files, failed)


def log_files_of(connection: Connection, job: str) -> LogFiles:
    """Return the log files of a job; there is one object for each job of a connection."""
    known = connection.once(_known_log_files)
    return known.setdefault(job, LogFiles(connection, job))


class LogFiles:
    """The log files of a job and of its child, whose lines are read once each."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name
        self._addresses: dict[str, str] = {}
        self._read: dict[str, int] = {}  # bytes read of each file
        self._clients: dict[str, Client] = {}
        self._child: str | None = None
        self._retry: Retry = "always"
        self.error: str | None = None  # of the run, once it has failed
        self.advance = Advance()  # as far as the progress logs were read

    def look(self, retry: Retry = "always", whole: bool = True) -> None:
        """Ask the run history for the files that there are by now.

        `retry` is used for reading them, too. Where not `whole`, only the files of the child are
        asked for, which tell the progress.
        """
        self._retry = retry
        if whole:
            self._addresses |= self._details(self._name)
        if self.child is not None:
            self._addresses |= self._details(self.child)

    def rewind(self) -> None:
        """Forget which lines were read."""
        self._read.clear()
        self.advance = Advance()

    @property
    def child(self) -> str | None:
        """Return the run that does the job's work, or the first of several; None before that."""
        if self._child is None:
            below = self._connection.history.find("runs", self._name, "children", retry=self._retry)
            found = (below or {}).get("value") or ()
            runs = sorted(found, key=lambda run: run.get("name") != _SCORING)
            self._child = next((str(run["runId"]) for run in runs), None)
        return self._child

    def progress_lines(self) -> list[str]:
        """Return the new lines of the newest progress log."""
        names = sorted(name for name in self._addresses if _PROGRESS.fullmatch(name))
        return self._new_lines(names[-1]) if names else []

    def shown_lines(self) -> list[str]:
        """Return the new lines that are worth showing, file by file."""
        return [
            line
            for pattern in _SHOWN
            for name in sorted(self._addresses)
            if pattern.fullmatch(name)
            for line in self._new_lines(name)
        ]

    def last_lines(self) -> list[str]:
        """Return the last lines of the file that tells best why the job failed."""
        for patterns in ((_ERRORS,), _SHOWN):
            names = [
                name
                for name in sorted(self._addresses)
                if any(pattern.fullmatch(name) for pattern in patterns)
            ]
            for name in reversed(names):
                lines = [line for line in self._new_lines(name, whole=True) if line.strip()]
                if lines:
                    return lines[-_LAST_LINES:]
        return []

    def failure(self) -> str | None:
        """Return why the job failed, on one line: its run's error and the end of its log."""
        try:
            self.look()
            last = self.last_lines()
        except EnvironmentRefused:
            last = []
        said = scrub(self.error) if self.error else None
        if said and (way := way_out_of_words(said)):
            return f"{said}; {way}"
        # The error often is the log's last line.
        tail = " / ".join(line for line in map(scrub, last) if line not in (said or ""))
        if not tail:
            return said
        return f"{said}; its log ends: {tail}" if said else f"its log ends: {tail}"

    def _details(self, run: str) -> Mapping[str, str]:
        details = self._connection.history.find("runs", run, "details", retry=self._retry) or {}
        # The child's error has the reason; the parent's only says that its child failed.
        self.error = _message(details.get("error")) or self.error
        files: Mapping[str, str] = details.get("logFiles") or {}
        return files

    def _new_lines(self, name: str, whole: bool = False) -> list[str]:
        """Return the complete new lines of a file, or all of its lines."""
        url = self._addresses[name]
        begin = 0 if whole else self._read.get(name, 0)
        # As the address is signed, its client must not add a token.
        answer = self._client(url).send(
            "GET",
            url,
            headers={"Range": f"bytes={begin}-"} if begin else {},
            accept=(404, 416),
            retry=self._retry,
            what=f"read {name} of job {self._name}",
        )
        if answer.status_code in (404, 416):
            return []
        content: bytes = answer.content
        if answer.status_code == 200 and begin:  # the range was ignored
            content = content[begin:]
        if whole:
            return content.decode(errors="replace").splitlines()
        # A line that is still being written is left for the next look.
        end = content.rfind(b"\n") + 1
        self._read[name] = begin + end
        lines = content[:end].decode(errors="replace").splitlines()
        if _PROGRESS.fullmatch(name):
            self.advance = reduce(Advance.after, lines, self.advance)
        return lines

    def _client(self, url: str) -> Client:
        host = urlsplit(url).netloc
        if host not in self._clients:
            self._clients[host] = Client(f"https://{host}")
        return self._clients[host]


def _known_log_files(_connection: Connection) -> dict[str, LogFiles]:
    """Make the store of the log files of a command's jobs, by name."""
    return {}


def _message(error: Any) -> str | None:
    """Return the message of a run's error, which lies in errors around errors."""
    while isinstance(error, dict) and isinstance(error.get("error"), dict):
        error = error["error"]
    if not isinstance(error, dict):
        return None
    return error.get("message") or error.get("code")
