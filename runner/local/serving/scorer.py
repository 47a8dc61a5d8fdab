"""Scorers, which turn a request into an answer."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Protocol

from runner.engine.java_cause import java_cause
from runner.errors import JobFailed
from runner.local.serving import mlflow_scorer
from runner.local.serving.answer import Answer, refuse
from runner.local.serving.bodies import BadRequest
from runner.local.serving.inference_server import InferenceServer
from runner.local.serving.plan import DeploymentPlan
from runner.local.serving.request import Request
from runner.local.serving.request_ids import with_ids


class Scorer(Protocol):
    """A loaded model or script; made once a process."""

    notice: str | None  # worth a line in the server's log when it is loaded

    def score(self, request: Request) -> Answer:
        """Answer one request. Raises BadRequest, or whatever the model or script raises."""
        ...


def load(plan: DeploymentPlan) -> Scorer:
    """Load a deployment's model or script, which runs its code: only in a process of its own.

    Raises JobFailed when that can't be done.
    """
    if plan.code is not None and plan.script is not None:
        return InferenceServer(Path(plan.code), plan.script, plan.environment_variables)
    if plan.model is None:
        raise JobFailed(f"deployment {plan.name!r} has neither a model nor a scoring script")
    return mlflow_scorer.load(Path(plan.model))


def answer(scorer: Scorer, request: Request) -> Answer:
    """Score, come what may: a bad request is 400, what the model or script raises is 500.

    The traceback is printed, for the deployment's log; the client only learns its kind.
    """
    try:
        return scorer.score(request)
    except BadRequest as error:
        return with_ids(refuse(400, str(error), by_model=True), request)
    except BaseException as error:
        return with_ids(_failed(error), request)


def _failed(error: BaseException) -> Answer:
    """The answer where scoring raises, also SystemExit: code that calls exit() fails a
    request, not the deployment."""
    traceback.print_exception(type(error), error, error.__traceback__)
    if cause := java_cause(error):  # of Spark's errors it stands in the middle of pages
        print(cause, file=sys.stderr)
    name = type(error).__name__
    return refuse(500, f"scoring raised {name}; the deployment's log says more", by_model=True)
