"""What the modules of this package ask Azure through."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from runner.azureml.interfaces import Interfaces

if TYPE_CHECKING:
    from runner.azureml.job_logs import LogFiles
    from runner.azureml.outputs import Outputs
    from runner.azureml.storage import Storage


class Connection(Interfaces):
    """A workspace's interfaces, and what one command has learnt of its storage and its jobs."""

    def __init__(self, outputs: Outputs) -> None:
        super().__init__(outputs)
        self.final_jobs: dict[str, dict[str, Any]] = {}  # nothing changes them any more
        self._log_files: dict[str, LogFiles] = {}

    @cached_property
    def storage(self) -> Storage:
        """The blobs behind the workspace's datastores."""
        from runner.azureml.storage import Storage

        return Storage(self)

    def log_files(self, job: str) -> LogFiles:
        """The log files of a job, which whoever asks next need not look for again."""
        from runner.azureml.job_logs import LogFiles

        if job not in self._log_files:
            self._log_files[job] = LogFiles(self, job)
        return self._log_files[job]
