"""A job's run in MLflow is made before its command starts, and ended with it, by its host."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from runner.assets.content import counted, hash_content, hash_file, scan_whole
from runner.engine.stopped import Stopped, check_stop
from runner.errors import JobFailed, RunnerError, WrongUsage
from runner.jobs.folder import job_folder, log_line
from runner.local.job_lock import lock
from runner.local.tracking.plan import RunInput, RunPlan
from runner.local.tracking.reading import CONTEXT_TAG, INPUT_TAG, JOB_TAG, family, read_run
from runner.local.tracking.record import read_record, write_record
from runner.local.tracking.store import (
    artifact_root,
    open_store,
    reading,
    store_address,
    store_file,
)
from runner.workspace import Run

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

End = Literal["FINISHED", "FAILED", "KILLED"]

# The variables of a command's run. As on Azure, they override the shell's and the declared ones.
VARIABLES = (
    "MLFLOW_TRACKING_URI",
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_EXPERIMENT_NAME",
    "MLFLOW_EXPERIMENT_ID",
    "MLFLOW_RUN_ID",
)
_LONGEST_VALUE = 5_000  # characters of a tag or a parameter
_LONGEST_INPUT_TAG = 500
_DIGEST = 36  # characters that MLflow keeps of a dataset's
_UNNAMEABLE = re.compile(r"[^\w.\- /:]")


def begin_run(
    home: Path, job: str, plan: RunPlan, stop: Callable[[], bool] = lambda: False
) -> dict[str, str]:
    """Make the run of a job, or take up the one it has, and return the command's variables.

    Raises JobFailed if the store can't be used, before hours of training, and Stopped if `stop`
    says so while the inputs are hashed.
    """
    folder = job_folder(home, job)
    try:
        client = open_store(home)
        run_id = _begun(home, job)
        if run_id is None:
            run_id = _create(client, home, job, plan, stop)
        else:
            client.update_run(run_id, status="RUNNING")
        experiment_id = client.get_run(run_id).info.experiment_id
        with reading(home) as connection:
            run = read_run(home, connection, run_id, job)
        assert run is not None, "it was made just now"
        write_record(folder, replace(run, parameters={**plan.parameters, **run.parameters}))
    except (RunnerError, Stopped):
        raise
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise JobFailed(
            f"the tracking store {store_file(home)} can't be used ({reason}): mend it, or move it"
            f" away to begin with an empty one, and `runner jobs resume {job}`"
        ) from error
    return {
        "MLFLOW_TRACKING_URI": store_address(home),
        "MLFLOW_TRACKING_TOKEN": "local",  # Azure's is a secret; this store asks for none
        "MLFLOW_EXPERIMENT_NAME": run.experiment,
        "MLFLOW_EXPERIMENT_ID": experiment_id,
        "MLFLOW_RUN_ID": run_id,
        # MLflow puts these tags on every run that its fluent interface makes. By them the other
        # runs of a script are found.
        "MLFLOW_RUN_CONTEXT": json.dumps({JOB_TAG: job}),
        # Where MLflow keeps the artifacts of an experiment that the script makes.
        "_MLFLOW_SERVER_ARTIFACT_ROOT": str(artifact_root(home)),
    }


def end_run(home: Path, job: str, end: End, parameters: Mapping[str, str]) -> Run | None:
    """End a job's run, and the others that its command left open, and write its record.

    Returns what was tracked. If the store fails here, the job does not fail: its log gets a line.
    """
    folder = job_folder(home, job)
    record = read_record(folder)
    if record is None:
        return None
    try:
        client = open_store(home)
        with reading(home) as connection:
            others = family(connection, record.id, job)
        for other in others:
            if client.get_run(other).info.status in ("RUNNING", "SCHEDULED"):
                client.set_terminated(other, end)
        if client.get_run(record.id).info.lifecycle_stage == "deleted":
            log_line(folder, "its MLflow run was deleted meanwhile, and nothing more is kept of it")
            run = replace(record, status=end)
        else:
            _log_parameters(client, record.id, parameters)
            client.set_terminated(record.id, end)
            with reading(home) as connection:
                run = read_run(home, connection, record.id, job) or replace(record, status=end)
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        log_line(folder, f"the tracking store {store_file(home)} can't be used any more ({reason})")
        run = replace(record, status=end)
    write_record(folder, run)
    return run


def main(home: str, job: str) -> int:
    """End the run of a job whose host was killed, when the job is canceled."""
    held = lock(job_folder(Path(home), job))
    if held is None:
        print(f"job {job} is running again", file=sys.stderr)
        return 1
    with held:
        end_run(Path(home), job, "KILLED", {})
    return 0


def _begun(home: Path, job: str) -> str | None:
    """Return the run that the job was given when it was begun before."""
    with reading(home) as connection:
        row = connection.execute(
            "SELECT run_uuid FROM runs JOIN tags USING (run_uuid)"
            " WHERE key = ? AND value = ? AND lifecycle_stage = 'active'"
            " ORDER BY start_time, runs.rowid LIMIT 1",
            [JOB_TAG, job],
        ).fetchone()
    return row["run_uuid"] if row else None


def _create(
    client: MlflowClient, home: Path, job: str, plan: RunPlan, stop: Callable[[], bool]
) -> str:
    import getpass

    datasets = list(_datasets(plan.inputs, stop))  # first, as large ones take long
    tags = {JOB_TAG: job, **plan.tags}
    with suppress(OSError, KeyError):  # a user without a name
        tags["mlflow.user"] = getpass.getuser()
    run = client.create_run(
        _experiment(client, plan.experiment, artifact_root(home)),
        run_name=plan.name,
        tags={_UNNAMEABLE.sub("_", key): value[:_LONGEST_VALUE] for key, value in tags.items()},
    )
    run_id: str = run.info.run_id
    client.log_inputs(run_id, datasets=datasets)
    return run_id


def _experiment(client: MlflowClient, name: str, artifacts: Path) -> str:
    """Return the id of an experiment, which is made if missing and restored if deleted."""
    from mlflow.exceptions import MlflowException

    known = client.get_experiment_by_name(name)
    if known is None:
        try:
            made: str = client.create_experiment(name, str(artifacts))
        except MlflowException:
            # Another job may have made it meanwhile.
            known = client.get_experiment_by_name(name)
            if known is None:
                raise
        else:
            return made
    if known.lifecycle_stage == "deleted":
        client.restore_experiment(known.experiment_id)
    return str(known.experiment_id)


def _datasets(inputs: Mapping[str, RunInput], stop: Callable[[], bool]) -> Iterable[DatasetInput]:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    for name, given in inputs.items():
        is_asset = given.content_hash is not None
        digest = given.content_hash or _hash(Path(given.path), stop)
        shown = given.shown if is_asset or not digest else f"{given.shown} (sha256 {digest[:12]})"
        yield DatasetInput(
            Dataset(
                name=given.shown if is_asset else Path(given.path).name,
                digest=digest[:_DIGEST] or "unknown",
                source_type="local",
                source=json.dumps({"uri": given.shown, "sha256": digest or None}),
            ),
            tags=[InputTag(CONTEXT_TAG, name), InputTag(INPUT_TAG, shown[:_LONGEST_INPUT_TAG])],
        )


def _hash(path: Path, stop: Callable[[], bool]) -> str:
    """Return the hash of a path; empty if it can't be stored.

    That is so for folders without files, and with links that lead out. Raises Stopped.
    """
    try:
        content = counted(scan_whole(path), lambda _: check_stop(stop))
        return hash_content(content.shape, ((file.name, hash_file(file)) for file in content.files))
    except (WrongUsage, OSError):
        return ""


def _log_parameters(client: MlflowClient, run_id: str, parameters: Mapping[str, str]) -> None:
    """Log the values that the job was given, except those that the script logged itself.

    They are added in the end, as MLflow takes no second value: a script that logs one of them
    differently would fail, which it doesn't on Azure.
    """
    from mlflow.entities import Param

    logged = client.get_run(run_id).data.params
    missing = [
        Param(name, value[:_LONGEST_VALUE])
        for name, value in parameters.items()
        if name not in logged
    ]
    if missing:
        client.log_batch(run_id, params=missing)
