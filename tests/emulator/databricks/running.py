"""Runs that really run: a thread for each, which waits for its cluster and watches its process.

The stand-in can't have a mount of `/Volumes`. So where a task names a path below it, in its
parameters or as its file, the process is given the folder in which the stand-in keeps the volumes.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.emulator import addresses
from tests.emulator.databricks import clusters
from tests.emulator.databricks.jobs import JOBS
from tests.emulator.databricks.libraries import LibraryFailed, install
from tests.emulator.databricks.processes import SPARK
from tests.emulator.databricks.run_state import FINAL, RUNS, end, move
from tests.emulator.databricks.service import Databricks
from tests.emulator.databricks.sign_in import User
from tests.emulator.databricks.store import Document, Store

_INHERITED = ("LANG", "LC_ALL", "TMPDIR", "JAVA_HOME")  # and no secret of whoever runs the tests
_NETWORK = (
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
)
_VOLUMES = re.compile(r"(?<![\w/.-])(?:dbfs:)?/Volumes(?=/)")
_SECONDS_BETWEEN_LOOKS = 0.02
_LOG_BYTES = 5 * 1024 * 1024  # of the end of a log that the service gives


@dataclass
class Running:
    """The processes of all workspaces' runs."""

    databricks: Databricks
    _processes: dict[tuple[str, int], subprocess.Popen[bytes]] = field(default_factory=dict)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopping: bool = False

    def start(self, store: Store, run_id: int) -> None:
        """Begin a run, which goes on by itself from here."""
        thread = threading.Thread(target=self._run, args=(store, run_id), daemon=True)
        with self._lock:
            self._threads.append(thread)
        thread.start()

    def cancel(self, store: Store, run_id: int, result: str) -> None:
        """End a run's process; the run has ended once that has. `result`: CANCELED, TIMEDOUT."""
        with store.state.transaction():
            run = store.get(RUNS, str(run_id))
            if run is None or run["life"] in FINAL:
                return
            if run["life"] == "QUEUED":
                end(store, run_id, "TERMINATED", result, "USER_CANCELED", "Run cancelled.")
                return
            move(store, run_id, "TERMINATING", "Run is being cancelled.", wanted=result)
        with self._lock:
            process = self._processes.get((store.workspace, run_id))
        if process is not None:
            _kill(process)

    def cancel_all(self, workspace: str) -> None:
        """End the processes of a workspace's runs, and wait until they have."""
        store = self.databricks.store(workspace)
        for run in store.all(RUNS):
            self.cancel(store, run["run_id"], "CANCELED")
        while any(run["life"] not in FINAL for run in store.all(RUNS)) and not self._stopping:
            time.sleep(_SECONDS_BETWEEN_LOOKS)

    def stop(self) -> None:
        """End all processes; the runs stay as they are."""
        self._stopping = True
        with self._lock:
            processes, threads = list(self._processes.values()), list(self._threads)
        for process in processes:
            _kill(process)
        for thread in threads:
            thread.join(10)

    def logs(self, store: Store, run_id: int) -> str:
        """Give the end of what a run printed."""
        try:
            content = (self._folder(store, run_id) / "log.txt").read_bytes()
        except FileNotFoundError:
            return ""
        return content[-_LOG_BYTES:].decode(errors="replace")

    def _run(self, store: Store, run_id: int) -> None:
        run = store.get(RUNS, str(run_id))
        if run is None:
            return
        cluster = ""
        try:
            cluster = self._cluster(store, run)
            if cluster and self._wait_for_cluster(store, run_id, cluster):
                self._work(store, run, cluster)
        except Exception as error:
            # A mistake of the stand-in itself, said where a test that looks at the run sees it.
            end(store, run_id, "INTERNAL_ERROR", "FAILED", "INTERNAL_ERROR", repr(error))
            raise
        finally:
            if cluster and not self._stopping:
                with store.state.transaction():
                    _leave(store, run, cluster)
            if not self._stopping:
                self._start_next(store, run["job_id"])

    def _cluster(self, store: Store, run: Document) -> str:
        """Begin to start the cluster of a run, and give its id; none where there is none."""
        task = run["task"]
        with store.state.transaction():
            if "existing_cluster_id" in task:
                found = store.get(clusters.CLUSTERS, task["existing_cluster_id"])
                if found is None:
                    said = f"Cluster {task['existing_cluster_id']} does not exist."
                    end(store, run["run_id"], "INTERNAL_ERROR", "FAILED", "CLUSTER_ERROR", said)
                    return ""
                if clusters.seen(self.databricks, store, found)["state"] == "TERMINATED":
                    clusters.start_cluster(store, found)
                cluster_id: str = task["existing_cluster_id"]
            else:
                cluster_id = clusters.new_cluster_id(store)
                specification = _specification(run)
                made = {
                    "num_workers": 0,
                    **specification,
                    "cluster_name": f"job-{run['job_id']}-run-{run['run_id']}",
                    "cluster_id": cluster_id,
                    "creator_user_name": run["creator_user_name"],
                    "cluster_source": "JOB",
                    "used": time.time(),
                }
                clusters.start_cluster(store, made)
            move(store, run["run_id"], "PENDING", "Waiting for cluster", cluster_id=cluster_id)
        return cluster_id

    def _wait_for_cluster(self, store: Store, run_id: int, cluster_id: str) -> bool:
        """Tell whether a run's cluster runs; a run whose cluster does not has ended."""
        while not self._stopping:
            with store.state.transaction():
                run, found = store.get(RUNS, str(run_id)), store.get("clusters", cluster_id)
                if run is None:
                    return False
                if "wanted" in run:
                    self._end_wanted(store, run)
                    return False
                if found is None:
                    gone = f"Cluster {cluster_id} was deleted."
                    end(store, run_id, "INTERNAL_ERROR", "FAILED", "CLUSTER_ERROR", gone)
                    return False
                found = clusters.seen(self.databricks, store, found)
                if found["state"] == "RUNNING":
                    return True
                if found["state"] == "TERMINATED":
                    end(
                        store,
                        run_id,
                        "INTERNAL_ERROR",
                        "FAILED",
                        "CLUSTER_ERROR",
                        _why_ended(found),
                    )
                    return False
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        return False

    def _work(self, store: Store, run: Document, cluster_id: str) -> None:
        run_id, folder = run["run_id"], self._folder(store, run["run_id"])
        folder.mkdir(parents=True, exist_ok=True)
        try:
            packages = folder / "packages"
            libraries = run["task"].get("libraries") or []
            install(libraries, lambda path: self._local(store, path), packages)
        except LibraryFailed as error:
            said = f"Library installation failed for library due to user error. Error: {error}"
            end(store, run_id, "INTERNAL_ERROR", "FAILED", "LIBRARY_INSTALLATION_ERROR", said)
            return
        work = self._described(store, run)
        if "python_file" in work and not Path(work["python_file"]).is_file():
            named = run["task"]["spark_python_task"]["python_file"]
            said = (
                f"Cannot read the python file {named}. Please check driver logs for more details."
            )
            end(store, run_id, "INTERNAL_ERROR", "FAILED", "RESOURCE_NOT_FOUND", said, error=said)
            return
        description = folder / "task.json"
        description.write_text(json.dumps(work))
        token = self.databricks.run_tokens.give(store.workspace, User(**run["user"]))
        try:
            status = self._watch(store, run, self._begin(store, run, folder, token, cluster_id))
        finally:
            self.databricks.run_tokens.end(token)
        if not self._stopping:
            with store.state.transaction():
                _leave(store, run, cluster_id)
                self._conclude(store, run_id, status, folder / "error.json")

    def _begin(
        self, store: Store, run: Document, folder: Path, token: str, cluster_id: str
    ) -> subprocess.Popen[bytes]:
        cluster = store.get(clusters.CLUSTERS, cluster_id) or {}
        python = Path(sys.executable)
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        environment |= {name: self.databricks.environment[name] for name in _NETWORK}
        environment |= {
            **SPARK,
            "HOME": str(folder),
            "PATH": os.pathsep.join([str(python.parent), os.environ.get("PATH", "")]),
            "PYTHONPATH": str(folder / "packages"),
            "PYTHONUNBUFFERED": "1",
            "PYSPARK_PYTHON": str(python),
            "DATABRICKS_HOST": f"https://{addresses.databricks(int(store.workspace))}",
            "DATABRICKS_TOKEN": token,
            "MLFLOW_TRACKING_URI": "databricks",
            "MLFLOW_REGISTRY_URI": "databricks-uc",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            **(cluster.get("spark_env_vars") or {}),
        }
        script = Path(__file__).with_name("run_task.py")
        with (folder / "log.txt").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-P", str(script), str(folder / "task.json")],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _watch(self, store: Store, run: Document, process: subprocess.Popen[bytes]) -> int:
        """Wait until a run's process has ended, and give its status."""
        key = (store.workspace, run["run_id"])
        with self._lock:
            self._processes[key] = process
        now = move(store, run["run_id"], "RUNNING", "In run") if not self._cancelled(key) else None
        if self._stopping or now is None:
            _kill(process)
        seconds = run["timeout_seconds"]
        clock = threading.Timer(seconds, self.cancel, [store, run["run_id"], "TIMEDOUT"])
        clock.daemon = True
        if seconds:
            clock.start()
        try:
            return process.wait()
        finally:
            clock.cancel()
            with self._lock:
                self._processes.pop(key, None)
            _kill(process)  # what the process began and left behind

    def _cancelled(self, key: tuple[str, int]) -> bool:
        run = self.databricks.store(key[0]).get(RUNS, str(key[1]))
        return run is None or "wanted" in run

    def _conclude(self, store: Store, run_id: int, status: int, told: Path) -> None:
        run = store.get(RUNS, str(run_id))
        if run is None:
            return
        if "wanted" in run:
            self._end_wanted(store, run)
        elif status == 0:
            end(store, run_id, "TERMINATED", "SUCCESS", "SUCCESS")
        else:
            _fail(store, run_id, status, told)

    def _end_wanted(self, store: Store, run: Document) -> None:
        """End a run that was cancelled, or took too long."""
        timed_out = run["wanted"] == "TIMEDOUT"
        code = "RUN_EXECUTION_ERROR" if timed_out else "USER_CANCELED"
        said = "Run timed out." if timed_out else "Run cancelled."
        end(store, run["run_id"], "TERMINATED", run["wanted"], code, said)

    def _start_next(self, store: Store, job_id: int) -> None:
        """Begin the run of a job that has waited longest."""
        with store.state.transaction():
            waiting = [
                run
                for run in store.all(RUNS)
                if run["job_id"] == job_id and run["life"] == "QUEUED"
            ]
            if not waiting or store.get(JOBS, str(job_id)) is None:
                return
            move(store, waiting[0]["run_id"], "PENDING")
        self.start(store, waiting[0]["run_id"])

    def _described(self, store: Store, run: Document) -> dict[str, Any]:
        """Return the task of a run's process, with this machine's paths."""
        task = run["task"]
        work = task.get("spark_python_task") or task.get("python_wheel_task")
        named = [
            f"--{name}={value}" for name, value in (work.get("named_parameters") or {}).items()
        ]
        given = [*(work.get("parameters") or []), *named]
        parameters = [self._mapped(store, value) for value in given]
        if "python_file" in work:
            return {
                "python_file": self._local(store, work["python_file"]),
                "parameters": parameters,
            }
        kept = {name: work[name] for name in ("package_name", "entry_point")}
        return {**kept, "parameters": parameters}

    def _mapped(self, store: Store, text: str) -> str:
        folder = self.databricks.files(store.workspace) / "Volumes"
        return _VOLUMES.sub(lambda _: str(folder), text)

    def _local(self, store: Store, path: str) -> str:
        """Return the file of this machine behind a path of the workspace."""
        mapped = self._mapped(store, path)
        if mapped != path:
            return mapped
        inner = path.removeprefix("dbfs:").removeprefix("/Workspace").strip("/")
        return str(self.databricks.files(store.workspace) / "Workspace" / inner)

    def _folder(self, store: Store, run_id: int) -> Path:
        return self.databricks.files(store.workspace) / "runs" / str(run_id)


def _leave(store: Store, run: Document, cluster_id: str) -> None:
    """Free a run's cluster, which ends if it is the run's own."""
    if "existing_cluster_id" in run["task"]:
        clusters.use(store, cluster_id)
    else:
        clusters.end_job_cluster(store, cluster_id)


def _specification(run: Document) -> Document:
    task = run["task"]
    if "new_cluster" in task:
        specification: Document = task["new_cluster"]
        return specification
    return next(
        shared["new_cluster"]
        for shared in run["job_clusters"]
        if shared["job_cluster_key"] == task["job_cluster_key"]
    )


def _why_ended(cluster: Document) -> str:
    reason = cluster["termination_reason"]
    details = ", ".join(f"{name}: {value}" for name, value in reason["parameters"].items())
    return (
        f"Cluster '{cluster['cluster_id']}' was terminated. Reason: {reason['code']}"
        f" ({reason['type']}). Parameters: {details}."
    )


def _fail(store: Store, run_id: int, status: int, told: Path) -> None:
    try:
        error = json.loads(told.read_text())
    except FileNotFoundError:  # the process itself was ended
        said = f"The Python process exited with exit code {status}."
        error = {"error": f"Fatal error: The Python kernel is unresponsive. {said}"}
    message = f"Workload failed, see run output for details: {error['error']}"
    end(store, run_id, "TERMINATED", "FAILED", "RUN_EXECUTION_ERROR", message, **error)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
