"""The program that a cluster runs for a training job: it prepares the job's own and runs it.

A copy of this file lies in the volume, and a run is given it with the path of the job's request. A
task on a cluster that runs already has arguments and no environment variables of its own, and its
program finds its MLflow run by these; so this one sets them, and then runs the program in the same
process, which has the cluster's session and its sign-in. It imports nothing of the runner, which
such a cluster lacks.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import runpy
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_ROOM = "MLFLOW_DFS_TMP"
_DBFS = Path("/dbfs")  # where a cluster mounts it
_EXPRESSION = re.compile(r"\$\{\{\s*(inputs|outputs)\.(\w+)\s*\}\}")


def main(file: str) -> None:
    """Run the program of a request, `<volume>/jobs/<name>/request.json`."""
    request = json.loads(Path(file).read_text(encoding="utf-8"))
    volume = Path(file).parents[2]
    inputs = {
        name: str(volume / value) if name in request["files"] else value
        for name, value in request["inputs"].items()
    }
    outputs = {name: str(volume / path) for name, path in request["outputs"].items()}
    for name, path in outputs.items():
        folder = Path(path) if name in request["folders"] else Path(path).parent
        folder.mkdir(parents=True, exist_ok=True)

    def value(found: re.Match[str]) -> str:
        return (inputs if found[1] == "inputs" else outputs)[found[2]]

    program, *arguments = (_EXPRESSION.sub(value, word) for word in request["program"])
    os.environ.update(
        MLFLOW_RUN_ID=request["run_id"],
        MLFLOW_EXPERIMENT_ID=request["experiment_id"],
        MLFLOW_EXPERIMENT_NAME=request["experiment"],
    )
    with tempfile.TemporaryDirectory(prefix="runner-") as work:
        # Not from the volume: Python writes beside what it imports.
        code = Path(work) / "code"
        shutil.copytree(volume / request["code"], code, copy_function=shutil.copyfile)
        os.chdir(code)
        entry = code / program
        # Python imports from folders and archives, and finds a single file in its folder.
        modules = (code / name for name in request["modules"])
        found = (path.parent if path.suffix == ".py" else path for path in modules)
        sys.path[:0] = [str(entry.parent), *map(str, found)]
        sys.argv = [str(entry), *arguments]
        with room_for_models(Path(file).parent):
            _run(str(entry), request["run_id"])
        os.chdir(volume)


@contextlib.contextmanager
def room_for_models(place: Path) -> Iterator[None]:
    """Lend MLflow a folder of a job's in the volume to lay models of Spark in meanwhile.

    It takes DBFS by itself, whose root newer workspaces lack and administrators disable. Where it
    is there, MLflow keeps it: from a volume, MLflow 3.0 loads none on a cluster of one user.
    https://learn.microsoft.com/azure/databricks/dbfs/disable-dbfs-root-mounts
    https://github.com/mlflow/mlflow/issues/18668
    """
    room = place / "mlflow-tmp"
    if _has_dbfs() or _ROOM in os.environ:
        yield
        return
    os.environ[_ROOM] = str(room)
    try:
        yield
    finally:
        del os.environ[_ROOM]
        shutil.rmtree(room, ignore_errors=True)


def _has_dbfs() -> bool:
    """Tell whether the folder is there that MLflow takes by itself."""
    if not _DBFS.is_mount():
        return False
    try:
        (_DBFS / "tmp" / "mlflow").mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return True


def _run(entry: str, run: str) -> None:
    """Run the program, and end its MLflow run as it ended."""
    try:
        try:
            runpy.run_path(entry, run_name="__main__")
        except SystemExit as ended:
            # Databricks takes any SystemExit for a failure, and tells of none its text.
            if isinstance(ended.code, str):
                raise RuntimeError(ended.code) from None
            if ended.code not in (None, 0):
                raise RuntimeError(f"exited with status {ended.code}") from None
    except BaseException:
        _end(run, "FAILED")
        raise
    _end(run, "FINISHED")


def _end(run: str, status: str) -> None:
    import mlflow

    # The program's own end of its run has told the address already.
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    # A run that stays open is ended when somebody looks at the job.
    with contextlib.suppress(Exception):
        mlflow.end_run(status)
        client: Any = mlflow.MlflowClient()
        client.set_terminated(run, status)


if __name__ == "__main__":
    main(sys.argv[1])
