"""Gives answers the form in which Azure hands on those of a deployment's container.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints and
the proxy of Azure's extension for Kubernetes, whose rule it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from runner.local.serving.answer import Answer

STATUS, REASON = "ms-azureml-model-error-statuscode", "ms-azureml-model-error-reason"
_FAILED_DEPENDENCY = 424


def as_azure_shows(answer: Answer) -> Answer:
    """Return an answer as a client of Azure's gets it: 424 for any of the container's but 200,
    whose own status is then in a header. Answers from in front of the container stay as they
    are."""
    if not answer.by_model or answer.status == 200:
        return answer
    others = tuple(
        (name, value) for name, value in answer.headers if name.lower() not in (STATUS, REASON)
    )
    told = ((REASON, "model_error"), (STATUS, str(answer.status)))
    return replace(answer, status=_FAILED_DEPENDENCY, headers=(*others, *told))


def told_error(headers: Mapping[str, str]) -> str | None:
    """Return the container's own status and the reason, where headers have them."""
    headers = {name.lower(): value for name, value in headers.items()}
    return " ".join(headers[name] for name in (STATUS, REASON) if name in headers) or None
