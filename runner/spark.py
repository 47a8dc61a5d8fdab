"""Starts Spark on this machine or leads it to a cluster, for training and for serving."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from runner.errors import EnvironmentRefused, WrongUsage
from runner.installing import installed_by

MASTER = "RUNNER_SPARK_MASTER"  # local[*], spark://HOST:PORT, sc://HOST:PORT (Spark Connect)
_CONNECT = "sc://"
_CONNECT_PORT = 15002  # of an address of Spark Connect that names none
_PATIENCE = 10.0  # seconds that a cluster may take to accept a connection
# The masters that Spark takes; of any other it only reports that its process ended.
_MASTER = re.compile(
    r"local(\[(\*|[1-9]\d*)(,\d+)?\])?|local-cluster\[\d+,\d+,\d+\]|yarn"
    r"|(spark|sc|k8s)://[^\s/]+.*"
)
# Its warnings are about this machine's hardware and names, and its progress is for terminals.
_LOGGING = """rootLogger.level = error
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n%ex
"""
_USUAL = {
    "spark.master": "local[*]",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}
_SUPPORTED_JAVA = (17, 21)  # by Spark 4.0, says its page of prerequisites
_INSTALL_JAVA = "install Java 17 or 21 and put it on PATH, or name its folder in JAVA_HOME"


def check_spark(master: str | None = None, python: str | None = None) -> None:
    """Raise EnvironmentRefused unless Spark can run here: its package, Java if it needs it, and the
    cluster if there is to be one. Raises WrongUsage for a master that makes no sense.

    `python` is the one that runs it; what another than this one has is not looked at.
    """
    if python is None and find_spec("pyspark") is None:
        way = installed_by("pyspark", group="spark")
        raise EnvironmentRefused(f"Spark needs pyspark, which is not installed: {way}")
    if master is None or not master.startswith(_CONNECT):
        find_java()
    if master is not None:
        reach_master(master)


def reach_master(master: str) -> None:
    """Find out at once whether a cluster is there: Spark would try for minutes, Connect for ten.

    Raises WrongUsage for what Spark takes for no master, EnvironmentRefused where nobody answers.
    """
    usual = "local[2], spark://HOST:PORT or sc://HOST:PORT"
    if not _MASTER.fullmatch(master):
        raise WrongUsage(f"{MASTER} is {master!r}, which Spark doesn't know; it is one of {usual}")
    reasons = []
    for host, port in _addresses(master):
        try:
            socket.create_connection((host, port), _PATIENCE).close()
        except OSError as error:
            reasons.append(f"{host}:{port}: {error.strerror or error}")
        else:
            return
    if reasons:
        raise EnvironmentRefused(
            f"no Spark answers at {master} ({'; '.join(reasons)}): start it, or let {MASTER} name"
            " another, or none for this machine"
        )


def _addresses(master: str) -> Iterator[tuple[str, int]]:
    """Yield the hosts and ports of a cluster; none where Spark itself finds them."""
    kind, _, rest = master.partition("://")
    if kind not in ("spark", "sc"):
        return
    for place in rest.partition("/")[0].split(","):
        host, colon, port = place.rpartition(":")
        if not colon and kind == "sc":
            host, port = place, str(_CONNECT_PORT)
        if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
            raise WrongUsage(f"{MASTER} is {master!r}: {place!r} is no HOST:PORT")
        yield host.strip("[]"), int(port)


def asked_master(declared: Mapping[str, str] = MappingProxyType({})) -> str | None:
    """Return the cluster, or how many cores of this machine, that the variables name with which a
    job runs: those that it declares over the shell's."""
    return {**os.environ, **declared}.get(MASTER) or None


def runs_on_databricks() -> bool:
    """Return whether this process is on a cluster of Databricks, which gives it Spark."""
    return "DATABRICKS_RUNTIME_VERSION" in os.environ


def write_settings(
    folder: Path, conf: Mapping[str, str], python: str | None = None
) -> dict[str, str]:
    """Write into a folder what Spark reads when it starts; `conf` goes over what is usual.

    Its Python workers run in `python`, by default the one that runs this. Returns the environment
    variables by which any Spark that a process begins goes by them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = {**_USUAL, **conf}
    lines = [f"{_escaped(key)}={_escaped(value)}\n" for key, value in settings.items()]
    (folder / "spark-defaults.conf").write_text("".join(lines), encoding="utf-8")
    (folder / "log4j2.properties").write_text(_LOGGING, encoding="ascii")
    usual = {
        "PYSPARK_PYTHON": python or sys.executable,
        "PYSPARK_DRIVER_PYTHON": python or sys.executable,
        "TZ": "UTC",  # as in the cloud; Spark reads and shows times by it
    }
    if settings["spark.master"].startswith(_CONNECT):
        return {"SPARK_REMOTE": settings["spark.master"]} | usual
    return {"SPARK_CONF_DIR": str(folder)} | usual | variables_of(settings["spark.master"], python)


def variables_of(master: str, python: str | None = None) -> dict[str, str]:
    """Return the variables by which a Spark that is begun here is the pyspark's of `python`, by
    default of the one that runs this, and finds its address.

    Of another version's SPARK_HOME, pyspark says only what is missing in its JVM. Where the name of
    this machine leads nowhere, as it may in a VPN, Spark doesn't start.
    """
    variables = {}
    if (home := _own_home(python)) is not None:
        variables["SPARK_HOME"] = home
    if master.startswith("local"):
        # Nobody else is to reach it, and no name server is to be waited for.
        variables |= {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_HOSTNAME": "localhost"}
    return variables


def leave_remote() -> None:
    """Let no SPARK_REMOTE of the shell lead this process to another Spark than the one meant."""
    os.environ.pop("SPARK_REMOTE", None)


def _own_home(python: str | None) -> str | None:
    """Return the folder of pyspark's own Spark, where SPARK_HOME names another version."""
    own, named = _pyspark(python), os.environ.get("SPARK_HOME")
    if named is None or own is None:
        return None
    core = next((own / "jars").glob("spark-core_*.jar"), None)
    if core is None or Path(named, "jars", core.name).exists():
        return None
    return str(own)


def _pyspark(python: str | None) -> Path | None:
    """Return the folder of the pyspark that a Python has, by default the one that runs this."""
    if python is not None:
        prefix = Path(python).parent.parent
        return next(prefix.glob("lib/python3*/site-packages/pyspark"), None)
    package = find_spec("pyspark")
    return Path(package.origin).parent if package and package.origin else None


def _escaped(text: str) -> str:
    """Return a key or a value as Java's properties have it."""
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return "".join(f"\\{sign}" if sign in " =:#!" else sign for sign in escaped)


@dataclass(frozen=True)
class Java:
    """A Java that Spark can use."""

    command: str
    version: int  # of the language: 17 of 17.0.15


def find_java() -> Java:
    """Return the Java that Spark would start: JAVA_HOME's, else the one on PATH. Takes 0.1 s.

    Raises EnvironmentRefused where there is none, and where Spark doesn't run on it.
    """
    home = os.environ.get("JAVA_HOME")
    command = os.path.join(home, "bin", "java") if home else shutil.which("java")  # noqa: PTH118
    if command is None:
        raise EnvironmentRefused(f"Spark needs Java, and there is none on PATH; {_INSTALL_JAVA}")
    try:
        said = subprocess.run(
            [command, "-version"], capture_output=True, text=True, check=False, timeout=30
        ).stderr
    except (OSError, subprocess.TimeoutExpired):
        where = f"JAVA_HOME={home} has no bin/java that runs" if home else f"{command} doesn't run"
        raise EnvironmentRefused(f"Spark needs Java, and {where}; {_INSTALL_JAVA}") from None
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    if found is None:
        raise EnvironmentRefused(
            f"Spark needs Java, and {command} tells no version; {_INSTALL_JAVA}"
        )
    version = int(found[1])
    if version not in _SUPPORTED_JAVA:
        raise EnvironmentRefused(
            f"Spark runs on Java 17 or 21, and {command} is Java {version}; {_INSTALL_JAVA}"
        )
    return Java(command, version)
