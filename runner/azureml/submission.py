"""Submits a job to Azure so that there is one job, however often the request has to be sent."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runner.azure.errors import ServiceError, refusal
from runner.azureml.jobs import cancel_job
from runner.errors import EnvironmentRefused, Interrupted

if TYPE_CHECKING:
    from azure.core.rest import HttpResponse

    from runner.azureml.connection import Connection

UNCERTAIN = (408, 409, 429, 500, 502, 503, 504)  # statuses after which there may be a job
_REFUSED = (409, 429)  # of these, those after which this request has begun none
_FIRST_PAUSE = 0.5  # seconds before the first look for a job whose answer was lost
_LOOKS = 6  # each pause is twice the last: half a minute, in which a slow job comes up
_LOOKS_AFTER_CTRL_C = 4
_TRIES = 4
_LONGEST_PAUSE = 60.0  # seconds, whatever Azure asks for
_LONGEST_STEM = 40  # characters of a job's name that say what it does
_NAME = re.compile(r".+-[0-9a-f]{8}")


@dataclass(frozen=True)
class Found:
    """The result of a search for a job whose answer was lost.

    It is the job itself, or the names of all jobs that it may be.
    """

    job: Mapping[str, Any] | None = None
    maybe: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Lost:
    """The outcome of a request that leaves open whether there is a job."""

    error: ServiceError
    wait: float = 0.0  # seconds that Azure asks to wait


@dataclass(frozen=True)
class _Search:
    job: str
    find: Callable[[], Found]
    looks: int  # before the request is sent again
    command: str  # by which a person can look later

    def look(self, pauses: Iterable[float]) -> Found:
        found = Found()
        for pause in pauses:
            time.sleep(pause)
            found = self.find()
            if found.job is not None:
                break
        return found


def name_job(stem: str, unique: str) -> str:
    """Return a unique name for a job: its stem, and eight of the digits of `unique`."""
    return f"{stem[:_LONGEST_STEM].rstrip('-')}-{unique[:8]}"


def is_named(name: str) -> bool:
    """Tell whether `name_job` may have given a name."""
    return _NAME.fullmatch(name) is not None


def begin_job(
    connection: Connection,
    job: str,
    ask: Callable[[], HttpResponse],
    find: Callable[[], Found] | None = None,
) -> Mapping[str, Any]:
    """Send a job's request until Azure has the job, and return it as Azure has it.

    Where an answer is lost, the job is looked for before the request is sent again. `ask` sends the
    request once; it returns an answer of a status in UNCERTAIN as it does a success. Without
    `find`, the job is looked for by its name. `find` is for jobs that Azure names otherwise; as a
    second request would begin a second job, these are looked for longer. Raises ServiceError where
    there surely is no job, EnvironmentRefused where that can't be found out, and Interrupted, with
    the job canceled.
    """

    def by_name() -> Found:
        return Found(connection.arm.find("jobs", job))

    if find is None:
        search = _Search(job, by_name, 1, f"runner jobs show {job}")
    else:
        search = _Search(job, find, _LOOKS, "runner jobs list")
    try:
        return _ask_until_begun(search, ask)
    except KeyboardInterrupt:
        raise Interrupted(_abandon(connection, search)) from None


def _abandon(connection: Connection, search: _Search) -> str:
    """Cancel a job that may have begun; return a message on what became of it, with its name."""
    name = search.job
    try:
        found = search.find()
        if found.job is None:  # it may come up yet
            found = search.look(_pauses(_LOOKS_AFTER_CTRL_C))
        if found.job is not None:
            name = found.job["name"]
            cancel_job(connection, name)
            return f"interrupted: job {name} was canceled"
    except KeyboardInterrupt:
        return f"interrupted; whether there is a job, `{search.command}` tells"
    except EnvironmentRefused as error:
        return f"interrupted, but job {name} may run: it could not be canceled: {error}"
    if found.maybe:
        return f"interrupted, but {_any_of(found.maybe)}"
    return "interrupted before there was a job"


def _ask_until_begun(search: _Search, ask: Callable[[], HttpResponse]) -> Mapping[str, Any]:
    unseen = False  # whether a request may have begun a job that was not found
    for left in reversed(range(_TRIES)):
        number = _TRIES - 1 - left
        try:
            answer = _ask(ask, search.job)
        except EnvironmentRefused as error:
            if not unseen:
                raise
            raise EnvironmentRefused(
                f"{error}; whether an earlier request began a job, `{search.command}` tells"
            ) from None
        if not isinstance(answer, _Lost):
            return answer
        lost = answer.error
        if search.looks > 1 and lost.status in _REFUSED:
            if left:
                time.sleep(max(_FIRST_PAUSE * 2**number, answer.wait))
        else:
            unseen = True
            found = _look(search, answer, number)
            if found.job is not None:
                return found.job
            if found.maybe:
                raise EnvironmentRefused(f"{lost}; but {_any_of(found.maybe)}")
        if not left:
            end = f"no job was found: look with `{search.command}` before beginning another"
            raise ServiceError(
                f"{lost}; {end if unseen else 'no job was begun'}", lost.status, lost.code
            )
    raise AssertionError("the last try returns or raises")


def _ask(ask: Callable[[], HttpResponse], job: str) -> Mapping[str, Any] | _Lost:
    """Return the job, or the error after which there may be one. Raises errors that are certain."""
    try:
        answer = ask()
    except ServiceError as error:
        if error.status is not None:
            raise
        return _Lost(error)
    if not 200 <= answer.status_code < 300:
        refused = refusal(answer.status_code, answer.text(), f"begin job {job}")
        return _Lost(refused, min(_asked_wait(answer.headers), _LONGEST_PAUSE))
    try:
        accepted: Mapping[str, Any] = answer.json()
    except ValueError:  # such as a proxy's page
        return _Lost(ServiceError(f"the answer to begin job {job} is not JSON"))
    return accepted


def _look(search: _Search, lost: _Lost, number: int) -> Found:
    """Look for a job after the request of that number, from 0."""
    once = _FIRST_PAUSE * 2**number
    pauses = _pauses(search.looks) if search.looks > 1 else [once]
    try:
        return search.look([max(pauses[0], lost.wait), *pauses[1:]])
    except EnvironmentRefused as error:
        raise EnvironmentRefused(
            f"{lost.error}; whether there is a job {search.job} can't be found out ({error}): look"
            f" later with `{search.command}` before beginning another"
        ) from None


def _pauses(looks: int) -> list[float]:
    return [_FIRST_PAUSE * 2**number for number in range(looks)]


def _any_of(jobs: tuple[str, ...]) -> str:
    text = f"job {jobs[0]}" if len(jobs) == 1 else f"one of the jobs {', '.join(jobs)}"
    return f"{text} may be it: look with `runner jobs show NAME` before beginning another"


def _asked_wait(headers: Mapping[str, str]) -> float:
    """Return the seconds that Azure asks to wait; 0 where it doesn't say."""
    for name, unit in (("Retry-After", 1.0), ("x-ms-retry-after-ms", 0.001)):
        with suppress(ValueError):
            return float(headers.get(name, "")) * unit
    return 0.0
