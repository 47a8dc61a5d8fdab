"""The store's tables are read here without MLflow.

The tables are MLflow's own, and have been the same since its version 3.1. The tests compare what is
read here with what MLflow's client returns. The amount that is read is bounded.
"""

from __future__ import annotations

import math
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from runner.bounded_yaml import Unreadable, read_yaml
from runner.local.tracking.store import local_path
from runner.workspace import LoggedModel, Metric, Point, Run

JOB_TAG = "runner.job"  # on every run that a job makes: the job's name
INPUT_TAG = "runner.input"  # on a dataset that is an input of the job: its source
CONTEXT_TAG = "mlflow.data.context"  # on every dataset of a run: the input's name

_MOST_POINTS = 1_000  # of one metric
_MOST_POINTS_IN_ALL = 100_000
_MOST_METRICS = 5_000
_MOST_FILES = 1_000
_MOST_RUNS = 1_000
_MOST_MODELS = 1_000
_INFINITY = 1.7976931348623157e308  # as MLflow writes it

_FAMILY = """
    WITH RECURSIVE family (id) AS (
        SELECT :run
        UNION SELECT run_uuid FROM tags WHERE key = 'runner.job' AND value = :job
        UNION SELECT run_uuid FROM tags JOIN family
              ON key = 'mlflow.parentRunId' AND value = family.id
    )
    SELECT run_uuid FROM runs JOIN family ON run_uuid = family.id
    WHERE lifecycle_stage = 'active' AND run_uuid != :run
    ORDER BY start_time, run_uuid
"""
_CURVE = """
    SELECT step, value, is_nan, timestamp FROM (
        SELECT *, ROW_NUMBER() OVER (ORDER BY step, timestamp, value) - 1 AS place
        FROM metrics WHERE run_uuid = ? AND key = ?
    ) WHERE place % ? = 0 OR place = ? ORDER BY place
"""
_INPUTS = """
    SELECT datasets.name, digest, context.value AS input, given.value AS source
    FROM inputs JOIN datasets ON dataset_uuid = source_id
    LEFT JOIN input_tags AS given ON given.input_uuid = inputs.input_uuid AND given.name = ?
    LEFT JOIN input_tags AS context ON context.input_uuid = inputs.input_uuid AND context.name = ?
    WHERE source_type = 'DATASET' AND destination_type = 'RUN' AND destination_id = ?
    ORDER BY given.value IS NULL, context.value, datasets.name
"""


def read_run(home: Path, connection: sqlite3.Connection, run: str, job: str) -> Run | None:
    """Return what the run of a job holds by now; None if the store has none of that id.

    Raises `sqlite3.Error`.
    """
    row = connection.execute(
        "SELECT runs.*, experiments.name AS experiment FROM runs"
        " JOIN experiments USING (experiment_id) WHERE run_uuid = ?",
        [run],
    ).fetchone()
    if row is None:
        return None
    tags = dict(_pairs(connection, "tags", run))
    others = family(connection, run, job)
    artifacts = local_path(home, row["artifact_uri"])
    files = list(islice(walk_files(artifacts), _MOST_FILES))
    return Run(
        id=run,
        name=row["name"] or tags.get("mlflow.runName", ""),
        experiment=row["experiment"],
        status=row["status"],
        parameters=dict(_pairs(connection, "params", run)),
        metrics=_metrics(connection, run),
        tags={
            key: value for key, value in tags.items() if not key.startswith(("mlflow.", JOB_TAG))
        },
        inputs=_inputs(connection, run),
        models=_models(home, connection, (run, *others), artifacts, files),
        artifacts=tuple(files),
        commit=tags.get("mlflow.source.git.commit"),
        children=others[:_MOST_RUNS],
    )


def family(connection: sqlite3.Connection, run: str, job: str) -> tuple[str, ...]:
    """Return the other runs that a job made, below its own or beside it, by their start."""
    rows = connection.execute(_FAMILY, {"run": run, "job": job})
    return tuple(row["run_uuid"] for row in rows)


def walk_files(folder: Path, inside: str = "") -> Iterator[str]:
    """Yield the paths of the files below a folder, in order; links to folders are not followed."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from walk_files(Path(entry.path), f"{inside}{entry.name}/")
        else:
            yield inside + entry.name


def _pairs(connection: sqlite3.Connection, table: str, run: str) -> list[tuple[str, str]]:
    rows = connection.execute(
        f"SELECT key, value FROM {table} WHERE run_uuid = ? ORDER BY key",  # noqa: S608 - ours
        [run],
    )
    return [(row["key"], row["value"] or "") for row in rows]


def _metrics(connection: sqlite3.Connection, run: str) -> dict[str, Metric]:
    last = connection.execute(
        "SELECT key, value, is_nan FROM latest_metrics WHERE run_uuid = ? ORDER BY key LIMIT ?",
        [run, _MOST_METRICS],
    ).fetchall()
    counted = connection.execute(
        "SELECT key, COUNT(*) FROM metrics WHERE run_uuid = ? GROUP BY key ORDER BY key LIMIT ?",
        [run, _MOST_METRICS],
    )
    counts = dict(counted)
    most = min(_MOST_POINTS, max(2, _MOST_POINTS_IN_ALL // max(1, len(last))))
    metrics = {}
    for row in last:
        count = counts.get(row["key"], 0)
        metrics[row["key"]] = Metric(
            _number(row), count, _curve(connection, run, row["key"], count, most)
        )
    return metrics


def _curve(
    connection: sqlite3.Connection, run: str, key: str, count: int, most: int
) -> tuple[Point, ...]:
    """Return all values, or evenly chosen ones if they are more than `most`; the last always."""
    stride = math.ceil(count / (most - 1)) if count > most else 1
    rows = connection.execute(_CURVE, [run, key, stride, count - 1])
    return tuple(Point(row["step"], _number(row), row["timestamp"]) for row in rows)


def _number(row: sqlite3.Row) -> float:
    if row["is_nan"]:
        return math.nan
    value = float(row["value"])
    return math.copysign(math.inf, value) if abs(value) >= _INFINITY else value


def _inputs(connection: sqlite3.Connection, run: str) -> dict[str, str]:
    """Return the inputs of the job, and the datasets that its script logged besides."""
    inputs: dict[str, str] = {}
    for row in connection.execute(_INPUTS, [INPUT_TAG, CONTEXT_TAG, run]):
        if row["source"]:
            inputs[row["input"]] = row["source"]
        else:
            inputs.setdefault(row["name"], f"{row['name']} ({row['digest']})")
    return inputs


def _models(
    home: Path,
    connection: sqlite3.Connection,
    runs: Sequence[str],
    artifacts: Path,
    files: Sequence[str],
) -> tuple[LoggedModel, ...]:
    """Return the logged models, the last of each name, and the models among the artifacts."""
    models: dict[str, LoggedModel] = {}
    for run in runs:
        found: dict[str, LoggedModel] = {}
        rows = connection.execute(
            "SELECT model_id, name, artifact_location FROM logged_models WHERE source_run_id = ?"
            " AND lifecycle_stage = 'active' ORDER BY creation_timestamp_ms LIMIT ?",
            [run, _MOST_MODELS],
        )
        for row in rows:
            folder = local_path(home, row["artifact_location"])
            # A model that was not written completely has no such file.
            if (folder / "MLmodel").is_file():
                found[row["name"]] = LoggedModel(row["name"], row["model_id"], _flavors(folder))
        models = found | models  # the models of the job's own run take precedence
    for file in files:
        path, _, last = file.rpartition("/")
        if last == "MLmodel" and path:
            models.setdefault(path, LoggedModel(path, None, _flavors(artifacts / path)))
    return tuple(models.values())


def _flavors(folder: Path) -> tuple[str, ...]:
    try:
        described = read_yaml(folder / "MLmodel")
    except (OSError, Unreadable):
        return ()
    flavors = described.get("flavors") if isinstance(described, Mapping) else None
    return tuple(str(name) for name in flavors) if isinstance(flavors, Mapping) else ()
