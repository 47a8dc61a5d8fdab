"""What a job or a one-time run declares: checked, and put together for one run."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from tests.emulator.databricks.clusters import CLUSTERS, check_specification
from tests.emulator.databricks.refusals import Refused, invalid
from tests.emulator.databricks.service import Ask
from tests.emulator.databricks.store import Document

_KEY = re.compile(r"[A-Za-z0-9_-]{1,100}")
_KINDS = ("spark_python_task", "python_wheel_task")
_OTHERS = (
    "notebook_task",
    "spark_jar_task",
    "spark_submit_task",
    "pipeline_task",
    "sql_task",
    "dbt_task",
    "run_job_task",
    "condition_task",
    "for_each_task",
)
_WHERE = ("existing_cluster_id", "new_cluster", "job_cluster_key")
_REFERENCE = re.compile(r"\{\{\s*([A-Za-z0-9_.-]+)\s*\}\}")
_LIBRARIES = ("whl", "pypi", "jar", "egg", "maven", "cran", "requirements")


def check_settings(ask: Ask, settings: Document) -> None:
    """Raise `Refusal` where a job, or a one-time run, can't be as it is declared."""
    tasks = settings.get("tasks") or []
    clusters = {
        str(shared.get("job_cluster_key")): shared.get("new_cluster") or {}
        for shared in settings.get("job_clusters") or []
    }
    for key, cluster in clusters.items():
        if not _KEY.fullmatch(key):
            raise invalid(f"Job cluster key '{key}' is not valid.")
        check_specification(ask, cluster, f"Cluster validation error in '{key}': ")
    names = [str(declared.get("name")) for declared in settings.get("parameters") or []]
    if len(set(names)) < len(names):
        raise invalid("Duplicate job parameter names are not allowed.")
    keys = [str(task.get("task_key")) for task in tasks]
    if len(set(keys)) < len(keys):
        raise invalid("Duplicate task keys are not allowed.")
    for task in tasks:
        _check_task(ask, task, clusters)
    if len(tasks) > 1:
        raise Refused(501, "NOT_IMPLEMENTED", "The stand-in runs jobs of a single task.")


def _check_task(ask: Ask, task: Document, clusters: Mapping[str, Document]) -> None:
    key = task.get("task_key")
    if not key or not _KEY.fullmatch(str(key)):
        raise invalid(f"The task key '{key}' is not valid.")
    kinds = [kind for kind in (*_KINDS, *_OTHERS) if task.get(kind) is not None]
    if len(kinds) != 1:
        raise invalid(f"Task '{key}' must specify exactly one type of task.")
    if kinds[0] in _OTHERS:
        raise Refused(501, "NOT_IMPLEMENTED", f"The stand-in runs no {kinds[0]}.")
    where = [name for name in _WHERE if task.get(name)]
    if len(where) != 1:
        raise invalid(
            f"Task '{key}' must specify exactly one of {', '.join(_WHERE)}: "
            + (" and ".join(where) if where else "none is given.")
        )
    if where == ["job_cluster_key"] and task["job_cluster_key"] not in clusters:
        raise invalid(
            f"Job cluster '{task['job_cluster_key']}' is not defined in field 'job_clusters'."
        )
    if where == ["new_cluster"]:
        check_specification(ask, task["new_cluster"], "Cluster validation error: ")
    if where == ["existing_cluster_id"]:
        _check_cluster(ask, str(task["existing_cluster_id"]))
    _check_kind(task, kinds[0])
    for library in task.get("libraries") or []:
        if len([name for name in _LIBRARIES if library.get(name)]) != 1:
            raise invalid(f"A library of task '{key}' must be one of {', '.join(_LIBRARIES)}.")


def _check_cluster(ask: Ask, cluster_id: str) -> None:
    if ask.store.get(CLUSTERS, cluster_id) is None:
        raise invalid(f"Cluster {cluster_id} does not exist.")


def _check_kind(task: Document, kind: str) -> None:
    declared = task[kind]
    needed = ("python_file",) if kind == "spark_python_task" else ("package_name", "entry_point")
    for name in needed:
        if not declared.get(name):
            raise invalid(f"Missing required field: {kind}.{name}")
    if kind == "spark_python_task":
        file = str(declared["python_file"])
        known = ("dbfs:/", "/Volumes/", "/Workspace/", "/Shared/", "/Users/", "abfss:/", "s3:/")
        if not file.startswith(known):
            raise invalid(f"Invalid python file reference: {file}. Only absolute paths are taken.")
    for value in declared.get("parameters") or []:
        if not isinstance(value, str):
            raise invalid(f"{kind}.parameters must be a list of strings.")
    if declared.get("parameters") and declared.get("named_parameters"):
        raise invalid("parameters and named_parameters can't both be given.")


def resolved(task: Document, references: Mapping[str, str]) -> Document:
    """Put values in for references such as `{{job.parameters.model}}`; others stay as they are."""

    def put_in(value: Any) -> Any:
        if isinstance(value, str):
            return _REFERENCE.sub(lambda found: references.get(found[1], found[0]), value)
        if isinstance(value, list):
            return [put_in(item) for item in value]
        if isinstance(value, dict):
            return {name: put_in(item) for name, item in value.items()}
        return value

    filled = copy.deepcopy(task)
    for kind in _KINDS:
        if kind in filled:
            filled[kind] = put_in(filled[kind])
    return filled
