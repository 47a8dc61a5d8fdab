"""Beginning a job of Azure that is named here: one request, one job."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from runner.azureml.errors import ServiceError, refusal
from runner.azureml.jobs import cancel_job
from runner.errors import EnvironmentRefused, Interrupted, NotFound

if TYPE_CHECKING:
    from azure.core.rest import HttpResponse

    from runner.azureml.connection import Connection

UNCERTAIN = (408, 409, 429, 500, 502, 503, 504)  # the job may be there, now or at the next try
_FIRST_PAUSE = 0.5  # seconds before the first look for a job whose answer was lost
_TRIES = 4
_LONGEST_PAUSE = 60.0  # seconds, whatever Azure asks for
_LONGEST_STEM = 40  # characters of a job's name that say what it does


def name_job(stem: str, unique: str) -> str:
    """A job's name that no other has: what it does, and eight of the digits of `unique`."""
    return f"{stem[:_LONGEST_STEM].rstrip('-')}-{unique[:8]}"


def begin_job(
    connection: Connection, job: str, ask: Callable[[], HttpResponse]
) -> Mapping[str, Any]:
    """Ask until Azure has the job, looking for it by its name wherever an answer was lost.

    `ask` sends the request once, and returns answers of a status in UNCERTAIN like successes.
    Returns the job as Azure has it. Raises ServiceError where there is none for good,
    EnvironmentRefused where that can't be found out, and Interrupted, with the job canceled.
    """
    try:
        return _ask_until_begun(connection, job, ask)
    except KeyboardInterrupt:
        raise Interrupted(_abandon(connection, job)) from None


def _abandon(connection: Connection, job: str) -> str:
    """Cancel a job that was asked for, and say what became of it to who doesn't know its name."""
    try:
        cancel_job(connection, job)
    except NotFound:
        return "interrupted before there was a job"
    except EnvironmentRefused as error:
        return f"interrupted, but job {job} may run: it could not be canceled: {error}"
    return f"interrupted: job {job} was canceled"


def _ask_until_begun(
    connection: Connection, job: str, ask: Callable[[], HttpResponse]
) -> Mapping[str, Any]:
    pause = _FIRST_PAUSE
    for left in reversed(range(_TRIES)):
        wait = pause
        try:
            answer = ask()
        except ServiceError as error:
            if error.status is not None:
                raise
            lost = error
        else:
            if 200 <= answer.status_code < 300:
                accepted: Mapping[str, Any] = answer.json()
                return accepted
            lost = refusal(answer.status_code, answer.text(), f"begin job {job}")
            wait = max(pause, min(_asked_wait(answer.headers), _LONGEST_PAUSE))
        time.sleep(wait)
        try:
            found: Mapping[str, Any] | None = connection.arm.find("jobs", job)
        except EnvironmentRefused as error:
            raise EnvironmentRefused(
                f"{lost}; whether there is a job {job} can't be found out ({error}): look later"
                f" with `runner jobs show {job}` before beginning another"
            ) from None
        if found is not None:
            return found
        if not left:
            raise ServiceError(f"{lost}; no job was begun", lost.status, lost.code)
        pause *= 2
    raise AssertionError("the last try returns or raises")


def _asked_wait(headers: Mapping[str, str]) -> float:
    """The seconds Azure asks to wait; none where it doesn't say."""
    for name, unit in (("Retry-After", 1.0), ("x-ms-retry-after-ms", 0.001)):
        with suppress(ValueError):
            return float(headers.get(name, "")) * unit
    return 0.0
