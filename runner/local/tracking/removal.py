"""Removes from the local tracking store the runs, and all else, that only removed jobs hold.

Models with versions in MLflow's own registry stay, with their files.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from runner.errors import EnvironmentRefused
from runner.files.atomic import remove
from runner.installing import installed_by
from runner.jobs.folder import job_folder
from runner.local.tracking.reading import family
from runner.local.tracking.record import read_record
from runner.local.tracking.store import (
    artifact_folder,
    artifact_root,
    can_track,
    local_path,
    mlflow_store,
    open_store,
    reading,
    store_file,
)


@dataclass(frozen=True)
class Tracked:
    """The runs, models and folders that belong to some jobs alone."""

    runs: tuple[str, ...] = ()
    models: tuple[str, ...] = ()  # ids of logged models
    folders: tuple[Path, ...] = ()  # with the artifacts of both


def tracked_of(home: Path, jobs: Iterable[str]) -> Tracked:
    """Find what only these jobs have in the store. Raises EnvironmentRefused."""
    records = [(job, read_record(job_folder(home, job))) for job in jobs]
    mains = [(job, record.id) for job, record in records if record is not None]
    if not mains or not store_file(home).is_file():
        return Tracked()
    try:
        with reading(home) as connection:
            runs = [run for job, main in mains for run in (main, *family(connection, main, job))]
            return _held(home, connection, list(dict.fromkeys(runs)))
    except sqlite3.Error as error:
        raise _unusable(home, error) from error


def remove_tracked(home: Path, tracked: Tracked) -> None:
    """Remove runs, models and their files. Raises EnvironmentRefused."""
    if not tracked.runs:
        return
    if not can_track():
        raise EnvironmentRefused(
            "these jobs have runs in MLflow, which is not installed:"
            f" {installed_by('mlflow', group='mlflow')} adds it"
        )
    try:
        client = open_store(home)
        store = mlflow_store(home)
        for model in tracked.models:
            client.delete_logged_model(model)
            store._hard_delete_logged_model(model)
        for run in tracked.runs:
            client.delete_run(run)
            # `mlflow gc` calls this, too, but for all deleted runs.
            store._hard_delete_run(run)
    except Exception as error:
        raise _unusable(home, error) from error
    for folder in tracked.folders:
        remove(folder)


def _held(home: Path, connection: sqlite3.Connection, runs: list[str]) -> Tracked:
    registered = [
        local_path(home, row[0])
        for row in connection.execute(
            "SELECT COALESCE(storage_location, source) FROM model_versions"
        )
    ]
    models, folders, found = [], [], []
    for run in runs:
        folder = artifact_folder(home, connection, run)
        if folder is None:
            continue
        found.append(run)
        folders.append(folder.parent)
        for model, place in connection.execute(
            "SELECT model_id, artifact_location FROM logged_models WHERE source_run_id = ?", [run]
        ).fetchall():
            folder = local_path(home, place)
            if not any(kept.is_relative_to(folder) for kept in registered):
                models.append(model)
                folders.append(folder.parent)
    root = artifact_root(home)
    return Tracked(
        tuple(found),
        tuple(models),
        tuple(
            folder
            for folder in folders
            if folder.is_relative_to(root)
            and folder != root
            and not any(kept.is_relative_to(folder) for kept in registered)
        ),
    )


def _unusable(home: Path, error: Exception) -> EnvironmentRefused:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return EnvironmentRefused(
        f"the tracking store {store_file(home)} can't be used ({reason}): put a copy back, or move"
        " it away"
    )
