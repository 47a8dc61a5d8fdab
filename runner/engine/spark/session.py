"""The Spark session of a job: begun for it, or the one that runs already."""

from __future__ import annotations

import contextlib
import os
import sys
import uuid
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.engine.drivers.result import brief
from runner.engine.layout import worker_log
from runner.engine.plan import Plan
from runner.errors import JobFailed, RunnerError
from runner.spark import (
    asked_master,
    leave_remote,
    reach_master,
    runs_on_databricks,
    variables_of,
)

if TYPE_CHECKING:
    import subprocess

    from pyspark.sql import SparkSession


_RETAINED = (
    "spark.ui.retainedJobs",
    "spark.ui.retainedStages",
    "spark.ui.retainedTasks",
    "spark.sql.ui.retainedExecutions",
)
UTC = "UTC"
# Times that are read from a file keep the hours written there, as in a DataFrame of pandas.
_ZONE = "spark.sql.session.timeZone"
_PACKAGE = Path(__file__).resolve().parents[2]  # runner, which Python workers need as well
_WITH_ENGINE = ("engine", "files", "profile")  # the packages in it that score


@dataclass(frozen=True)
class Session:
    """A Spark session, and whether this process began it."""

    spark: SparkSession
    tasks: int  # that run side by side, about
    archive: Path  # of this package, for Python workers
    ours: bool
    zone: str = UTC  # the session's before the job
    java: subprocess.Popen[bytes] | None = None  # the JVM, where this process began it

    @property
    def connected(self) -> bool:
        """Tell whether the session is at the other end of Spark Connect."""
        return getattr(self.spark, "_sc", None) is None

    def runs(self) -> bool:
        """Return False where the JVM or the connection is gone, so that nothing more can come of
        it."""
        if self.java is not None and self.java.poll() is not None:
            return False
        try:
            return bool(self.spark.version)
        except Exception:
            return False

    def close(self) -> None:
        """End what this process began, and what still runs on it; leave all else as it was."""
        self.archive.unlink(missing_ok=True)
        if not self.ours:
            with contextlib.suppress(Exception):  # the session may be gone
                self.spark.conf.set(_ZONE, self.zone)
            return
        with contextlib.suppress(Exception):
            self.spark.stop()
        if self.java is not None:
            _forget_gateway()
            if self.java.stdin is not None:
                self.java.stdin.close()  # by which the JVM knows that it is to end
            self.java.wait()


def begin_session(plan: Plan, folder: Path, running: SparkSession | None) -> Session:
    """Return the session that is `running`, else the one that RUNNER_SPARK_MASTER leads to, else
    begin one on this machine with as many tasks side by side as the plan has processes.

    Raises JobFailed where none comes up.
    """
    # A name of its own: a session that goes on has the package of earlier jobs.
    archive = folder / f"runner-{uuid.uuid4().hex[:8]}.zip"
    session: Session | None = None
    try:
        session = _begin(plan, folder, running, archive)
        session.spark.conf.set(_ZONE, UTC)
        _hand_out_package(session.spark, archive)
    except Exception as error:
        if session is not None:
            session.close()
        if isinstance(error, RunnerError):
            raise JobFailed(str(error)) from error
        raise JobFailed(
            f"no Spark session could be begun: {brief(error)}; see {worker_log(folder, 0)}"
        ) from error
    return session


def _begin(plan: Plan, folder: Path, running: SparkSession | None, archive: Path) -> Session:
    from pyspark.sql import SparkSession

    if running is None and runs_on_databricks():
        running = SparkSession.builder.getOrCreate()
    if running is not None:
        zone = running.conf.get(_ZONE) or UTC
        return Session(running, _tasks(running, plan), archive, ours=False, zone=zone)
    master = asked_master() or f"local[{plan.settings.processes}]"
    reach_master(master)
    if master.startswith("sc://"):
        remote = SparkSession.builder.remote(master).getOrCreate()
        give_up_sooner(remote.client)
        return Session(remote, _tasks(remote, plan), archive, ours=True)
    return _begin_java(plan, folder, master, archive)


def give_up_sooner(client: Any) -> None:
    """Have a client of Spark Connect call its server gone after some 17 seconds without an answer.

    It would try for ten minutes, in which the job could neither fail nor be canceled.
    """
    from pyspark.sql.connect.client.retries import DefaultPolicy

    client.set_retry_policies([DefaultPolicy(max_retries=5)])


def _begin_java(plan: Plan, folder: Path, master: str, archive: Path) -> Session:
    """Begin a session in a JVM of its own, which prints into a log of the job.

    The JVM ends with this process, since it listens to a pipe from it.
    """
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    conf = SparkConf(loadDefaults=False)
    for key, value in _settings(plan, master).items():
        conf.set(key, value)
    leave_remote()
    os.environ.update(variables_of(master))
    if master.startswith("local"):
        # Python workers run where this process does, so in its Python.
        os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    with worker_log(folder, 0).open("ab") as log:
        gateway = launch_gateway(conf, {"stdout": log, "stderr": log})
    try:
        spark = SparkSession(SparkContext(conf=conf, gateway=gateway))
    except BaseException:
        gateway.proc.kill()
        _forget_gateway()
        raise
    return Session(
        spark, spark.sparkContext.defaultParallelism, archive, ours=True, java=gateway.proc
    )


def _settings(plan: Plan, master: str) -> dict[str, str]:
    settings = {
        "spark.master": master,
        "spark.app.name": plan.job,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "WARN",
        # It would keep a thousand jobs and their plans for a page that nobody opens.
        **dict.fromkeys(_RETAINED, "10"),
        _ZONE: UTC,
    }
    if master.startswith("local"):
        settings |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    return settings


def _tasks(spark: SparkSession, plan: Plan) -> int:
    try:
        return int(spark.sparkContext.defaultParallelism)
    except Exception:  # there is no context behind Spark Connect
        return max(2, plan.settings.processes)


def _hand_out_package(spark: SparkSession, archive: Path) -> None:
    """Let Python workers find this package, wherever they are: each fetches it when needed."""
    write_package(archive)
    # In a bare path, Spark takes a # for the beginning of a fragment, and %20 for a blank.
    address = archive.absolute().as_uri()
    context: Any = getattr(spark, "_sc", None)
    if context is not None:
        context.addPyFile(address)
    else:
        spark.addArtifacts(address, pyfile=True)


def write_package(archive: Path) -> None:
    """Write what of this package Python workers score with into a zip archive."""
    below = [file for name in _WITH_ENGINE for file in (_PACKAGE / name).rglob("*.py")]
    with zipfile.ZipFile(archive, "w") as out:
        for file in (*_PACKAGE.glob("*.py"), *below):
            out.write(file, str(file.relative_to(_PACKAGE.parent)))


def _forget_gateway() -> None:
    """Let the next session of this process begin a JVM of its own."""
    from pyspark import SparkContext

    with contextlib.suppress(Exception):
        SparkContext._gateway.shutdown()
    SparkContext._gateway = None
    SparkContext._jvm = None
