"""The venvs of jobs and servers are kept while they are used, and made again for a resume.

<job folder>/
    interpreter.json    which Python runs the job
    venv.json           what its venv was made of, if it has one
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from runner.files.atomic import write_atomically
from runner.jobs.interpreter import read_interpreter, write_interpreter
from runner.venvs.interpreter import Interpreter
from runner.workspace import Job


def user_of(job: Job) -> str:
    """Return the name that `runner venvs` shows for a job; jobs of a deployment share one."""
    return f"{job.endpoint}/{job.deployment}" if job.endpoint else f"train {job.model}"


@contextmanager
def held(home: Path, interpreter: Interpreter | None, user: str) -> Iterator[int | None]:
    """Keep the venv of an interpreter, if it has one, from being removed meanwhile.

    Gives the descriptor that a process which may outlive this one has to inherit. Raises
    EnvironmentRefused if the venv is missing.
    """
    if interpreter is None or interpreter.venv is None:
        yield None
        return
    from runner.venvs.cache import hold

    with hold(home, interpreter.venv, user) as file:
        yield file.fileno()


def tracking_store_variables(interpreter: Interpreter, folder: Path) -> dict[str, str]:
    """Return the variables by which MLflow in a venv keeps what it logs unasked in `folder`.

    MLflow 2 makes a store in the working directory as soon as it loads a model. A store that the
    shell names is used instead.
    """
    if interpreter.venv is None or "MLFLOW_TRACKING_URI" in os.environ:
        return {}
    store = (folder / "mlruns").absolute().as_uri()
    return {"MLFLOW_TRACKING_URI": store, "MLFLOW_ALLOW_FILE_STORE": "true"}


def keep_interpreter(home: Path, interpreter: Interpreter, folder: Path) -> None:
    """Write into a job's folder which Python it has and what its venv is made of, not synced."""
    write_interpreter(interpreter, folder)
    if interpreter.venv is None:
        return
    from runner.venvs.cache import complete

    venv = complete(home, interpreter.venv)
    if venv is not None:
        write_atomically(folder / "venv.json", json.dumps(asdict(venv)) + "\n", synced=False)


def restore_venv(home: Path, folder: Path, log: Callable[[str], object]) -> None:
    """Make a removed venv of a job again, with the same packages.

    Raises EnvironmentRefused if that is not possible.
    """
    interpreter = read_interpreter(folder)
    if interpreter is None or interpreter.venv is None:
        return
    from runner.venvs.cache import venv_from
    from runner.venvs.choosing import make_again

    venv = venv_from(json.loads((folder / "venv.json").read_text(encoding="utf-8")))
    make_again(home, venv, log)
