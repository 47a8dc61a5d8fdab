"""How Spark is started on this machine, or led to a cluster: for training and for serving."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from runner.errors import EnvironmentRefused
from runner.installing import installed_by
from runner.java import find_java

MASTER = "RUNNER_SPARK_MASTER"  # local[*], spark://HOST:PORT, sc://HOST:PORT (Spark Connect)
_CONNECT = "sc://"
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


def check_spark(master: str | None = None) -> None:
    """Raise EnvironmentRefused unless Spark can run here: its package, and Java if it needs it."""
    if find_spec("pyspark") is None:
        way = installed_by("-r requirements/spark.txt")
        raise EnvironmentRefused(f"Spark needs pyspark, which is not installed: {way}")
    if master is None or not master.startswith(_CONNECT):
        find_java()


def asked_master() -> str | None:
    """The cluster that this shell names, or how many cores of this machine."""
    return os.environ.get(MASTER) or None


def runs_on_databricks() -> bool:
    """Whether this process is on a cluster of Databricks, where Spark and its session are given."""
    return "DATABRICKS_RUNTIME_VERSION" in os.environ


def write_settings(folder: Path, conf: Mapping[str, str]) -> dict[str, str]:
    """Write into a folder what Spark reads when it starts; `conf` goes over what is usual.

    Returns the environment variables by which any Spark that a process begins goes by them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = {**_USUAL, **conf}
    lines = [f"{_escaped(key)}={_escaped(value)}\n" for key, value in settings.items()]
    (folder / "spark-defaults.conf").write_text("".join(lines), encoding="utf-8")
    (folder / "log4j2.properties").write_text(_LOGGING, encoding="ascii")
    python = {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
    if settings["spark.master"].startswith(_CONNECT):
        return {"SPARK_REMOTE": settings["spark.master"]} | python
    variables = {"SPARK_CONF_DIR": str(folder)} | python
    if settings["spark.master"].startswith("local"):
        variables["SPARK_LOCAL_IP"] = "127.0.0.1"  # nobody else is to reach it
    return variables


def _escaped(text: str) -> str:
    """A key or a value as Java's properties have it."""
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return "".join(f"\\{sign}" if sign in " =:#!" else sign for sign in escaped)
