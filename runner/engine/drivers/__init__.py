"""The drivers, which turn a mini-batch into rows: for an MLflow model, and for a scoring script."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Sequence
from pathlib import Path

from runner.engine.drivers import mlflow_model, packages
from runner.engine.drivers.bad_file import BadFile
from runner.engine.drivers.formats import cut
from runner.engine.drivers.result import Driver, NotOnceARow, Result, brief
from runner.engine.mlmodel import read_mlmodel
from runner.engine.plan import Plan
from runner.errors import JobFailed

__all__ = [
    "BadFile",
    "Driver",
    "NotOnceARow",
    "Result",
    "check",
    "cut",
    "doubts",
    "explain",
    "load",
    "preload",
    "takes_slices",
]


def check(plan: Plan) -> None:
    """Raise JobFailed for what can be known to fail before anything is loaded."""
    if plan.script is None:
        mlflow_model.refuse_unsupported(plan.files, plan.input)


def takes_slices(plan: Plan) -> bool:
    """Return True where a large file may be dealt out in slices: to a model that reads typed
    columns and does not say that it wants its files whole. A script gets files, as on Azure."""
    if plan.script is not None or plan.model is None:
        return False
    return mlflow_model.takes_slices(Path(plan.model))


def load(plan: Plan) -> Driver:
    """Load the plan's driver, which runs the model's or the script's code: only in a worker."""
    if plan.script is not None:
        from runner.engine.drivers.script import ScriptDriver

        return ScriptDriver(Path(plan.script), appends=plan.settings.output_action == "append_row")
    if plan.model is None:
        raise JobFailed("the deployment has neither a model nor a scoring script")
    return mlflow_model.MlflowDriver(Path(plan.model))


def explain(plan: Plan, error: BaseException) -> str:
    """Explain in one line what a driver raised, with the line of the script that it comes from."""
    if plan.script is None:
        return brief(error)
    from runner.engine.drivers import script_module

    return script_module.explain(Path(plan.script), error)


def doubts(plan: Plan, heard: Sequence[Warning]) -> tuple[str, ...]:
    """Return the warnings for a job's log about a model, from those heard while it loaded."""
    plain = plan.script is None and plan.model is not None
    return packages.doubts(read_mlmodel(Path(plan.model or "")) if plain else None, heard)


def preload(plan: Plan) -> None:
    """Import what every worker will need, so that forked workers find it paid for.

    Only known packages are imported, never the model's or the script's own modules; what
    can't be imported here, for whatever reason, is left for the worker to complain about.
    """
    if plan.script is not None:
        from runner.engine.drivers import script

        names = script.modules(Path(plan.script))
    elif plan.model is not None:
        names = mlflow_model.modules(Path(plan.model))
    else:
        names = []
    for name in names:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
