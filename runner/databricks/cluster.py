"""The host of a batch job on a cluster: it runs one job by the same engine as any machine.

It is the entry point of the wheel that a deployment's Databricks Job names, and it is given two
arguments: where the request lies in a volume, and which model scores. It touches no other absolute
path. A run that is asked for again goes on from what an earlier one left in the volume.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from runner.databricks.bootstrap import room_for_models
from runner.databricks.mirror import copy_files, mirrored, refused, restore
from runner.databricks.requests import ScoreRequest, parse_request
from runner.engine.inputs import list_code, list_files
from runner.engine.layout import pieces_folder, plan_file
from runner.engine.plan import Plan, Settings, read_plan, write_plan
from runner.engine.stopped import Stopped
from runner.errors import JobFailed, RunnerError
from runner.jobs.batch_run import run_batch
from runner.jobs.engine_settings import usual_engine
from runner.jobs.folder import add_start, log_line, model_folder, now
from runner.workspace import Job, JobStatus

_REGISTRY = "MLFLOW_REGISTRY_URI"
_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def score() -> None:
    """Run the job that the command line names. Raises JobFailed for one that fails.

    Databricks shows what is raised as the run's error, and takes any SystemExit for one.
    """
    request, model = sys.argv[1:]
    if not request:  # as in a run that a person begins on the job's page
        raise JobFailed(
            "this run was given no request: `runner score ENDPOINT --env ENV` begins one with it"
        )
    stopping: list[int] = []
    with contextlib.suppress(ValueError):  # in another thread than the main one
        signal.signal(signal.SIGTERM, lambda number, _frame: stopping.append(number))
    try:
        score_request(Path(request), model, lambda: bool(stopping))
    except Stopped:
        raise JobFailed("canceled") from None


def score_request(file: Path, model: str, stop: Callable[[], bool] = lambda: False) -> None:
    """Run the job of a request, `<volume>/jobs/<name>/request.json`. Raises JobFailed, Stopped."""
    request = parse_request(file.read_text(encoding="utf-8"))
    assert isinstance(request, ScoreRequest)
    place, volume = file.parent, file.parents[2]
    with TemporaryDirectory(prefix="runner-") as work:
        folder = Path(work) / request.job
        try:
            restore(place, folder)
        except OSError as error:
            raise JobFailed(f"{place} can't be read ({error.strerror or error})") from None
        moment = now()
        add_start(folder, moment)
        with mirrored(folder, place), room_for_models(place):
            log_line(folder, f"job {request.job} begins on {os.uname().nodename}")
            ended = "failed"
            try:
                _run(request, model, volume, place, folder, moment, stop)
                ended = "is Completed"
            except Stopped:
                ended = "was canceled"
                raise
            except RunnerError as failure:
                ended = f"is Failed: {failure}"
                raise JobFailed(str(failure)) from failure
            except Exception as failure:
                ended = f"is Failed: unexpected {type(failure).__name__}: {failure}"
                raise
            finally:
                log_line(folder, f"job {request.job} {ended}")
        for needless in (pieces_folder(place), model_folder(place)):  # once the output is there
            shutil.rmtree(needless, ignore_errors=True)


def _run(
    request: ScoreRequest,
    model: str,
    volume: Path,
    place: Path,
    folder: Path,
    moment: str,
    stop: Callable[[], bool],
) -> None:
    plan = _plan(request, model, volume, place, folder)
    write_plan(_as_begun(plan, plan_file(folder)), plan_file(folder))
    target = folder / "named-outputs" / "score"
    job = Job(
        name=request.job,
        type="batch",
        status=JobStatus.RUNNING,
        created_at=request.created_at,
        endpoint=request.endpoint,
        deployment=request.deployment,
        model=request.model or model,
        input=request.given,
        started_at=moment,
    )
    run_batch(job, folder, target, stop=stop)
    _deliver(target, volume / request.output, place)


def _plan(request: ScoreRequest, model: str, volume: Path, place: Path, folder: Path) -> Plan:
    """Return the plan of a job: code and input are read from the volume, the model is fetched."""
    home = model_folder(folder)
    settings: dict[str, Any] = dict(request.settings)
    if request.limited:
        # The declaration is for many machines; a call may still ask for more than this one has.
        settings["processes"] = min(settings["processes"], _CORES)
    script = None if request.script is None else volume / request.script
    source, files = list_files(volume / request.input)
    fetched = _fetch_model(model, home / request.model_folder) if model else None
    settings["engine"] = request.engine or usual_engine(fetched, script is not None)
    if fetched is not None and settings["engine"] == "spark":
        # Executors see this machine's disk no more than another's.
        home = model_folder(place)
        fetched = _copy(fetched, home / request.model_folder)
    return Plan(
        job=request.job,
        input=str(source),
        files=files,
        settings=Settings(**settings),
        model=str(fetched) if fetched else None,
        script=str(script) if script else None,
        code=list_code(script) if script else (),
        environment_variables={"AZUREML_MODEL_DIR": str(home), **request.environment_variables},
    )


def _copy(source: Path, target: Path) -> Path:
    """Copy a folder into the volume. Raises JobFailed where it takes none."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        copy_files(source, target)
    except OSError as error:
        raise refused(target, error) from None
    return target


def _as_begun(plan: Plan, file: Path) -> Plan:
    """Return the plan with the files as they were at the job's first start: the engine compares."""
    if not file.exists():
        return plan
    begun = read_plan(file)
    return replace(
        plan,
        files=begun.files,
        code=begun.code,
        whole_files=begun.whole_files,
        parts=begun.parts,
    )


def _fetch_model(model: str, target: Path) -> Path:
    """Fetch a model from the registry. Raises JobFailed."""
    os.environ.setdefault(_REGISTRY, "databricks-uc")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    import mlflow.artifacts

    target.mkdir(parents=True, exist_ok=True)
    try:
        mlflow.artifacts.download_artifacts(artifact_uri=model, dst_path=str(target))
    except Exception as error:
        said = " ".join(str(error).split())
        raise JobFailed(f"model {model} can't be fetched: {said}") from error
    return target


def _deliver(output: Path, target: Path, place: Path) -> None:
    """Copy a finished output into the volume. JobFailed when it can't be put there."""
    marker = place / "delivered"
    try:
        if target.exists() and not marker.exists():
            raise JobFailed(f"output {target} exists already; move it away and resume the job")
        # Written first: after a crash here, files at the target are known as this job's.
        marker.write_text(f"{target.name}\n", encoding="utf-8")
        _copy(output, target)
    except OSError as error:
        raise refused(target, error) from None
