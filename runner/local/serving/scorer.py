"""Loads scorers, which turn a request into an answer."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from runner.errors import JobFailed
from runner.local.serving import mlflow_scorer
from runner.local.serving.answer import Answer, refuse
from runner.local.serving.inference_server import InferenceServer
from runner.local.serving.mlflow_scorer import failure_message
from runner.local.serving.plan import DeploymentPlan
from runner.local.serving.request import Request
from runner.local.serving.request_ids import with_ids
from runner.local.serving.tables import BadRequest


class Scorer(Protocol):
    """A loaded model or script, made once in a process."""

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
    """Score and return an answer in any case: 400 for a bad request, 500 for what is raised.

    The traceback is printed, for the deployment's log; the client only learns its kind.
    """
    try:
        return scorer.score(request)
    except BaseException as error:
        status = 400 if isinstance(error, BadRequest) else 500
        return with_ids(refuse(status, failure_message(error), by_model=True), request)
