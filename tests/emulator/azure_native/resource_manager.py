"""A small client of Resource Manager: sends, and waits until Azure is done."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from tests.emulator.plugin.provider import Refusal
from tests.emulator.plugin.sign_in import SECONDS_A_REQUEST, SignIn

_TRIES = 4
_TRY_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_SHORTEST_WAIT, _LONGEST_WAIT = 0.02, 1.0
_DONE = ("Succeeded", "Failed", "Canceled")


class ArmError(Refusal):
    """Resource Manager refuses."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f'Status={status} Code="{code}" Message="{message}"')
        self.status = status
        self.code = code


class NotReady(ArmError):
    """The resource is there, but what began with it ended badly."""


@dataclass
class ResourceManager:
    """Resource Manager as one account sees it. Safe to share between threads."""

    sign_in: SignIn

    def get(self, path: str, api_version: str) -> dict[str, Any] | None:
        """Read a resource; `None` when there is none. Raises `ArmError`."""
        answer = self._send("GET", self._url(path, api_version))
        if answer.status_code == 404:
            return None
        return dict(_accepted(answer).json())

    def put(
        self, path: str, api_version: str, body: Mapping[str, Any], seconds: float
    ) -> dict[str, Any]:
        """Create or replace a resource and wait until it is ready.

        Returns the resource as it reads afterwards. Raises `ArmError` when Azure refuses, and
        `NotReady` when it accepted and could not finish, or not within so many seconds.
        """
        deadline = time.monotonic() + seconds
        self._finish(_accepted(self._send("PUT", self._url(path, api_version), body)), deadline)
        wait = _SHORTEST_WAIT
        while True:
            read = self.get(path, api_version)
            if read is None:
                raise NotReady(404, "ResourceNotFound", f"{path} is gone after its creation")
            state = (read.get("properties") or {}).get("provisioningState")
            if state in (None, "Succeeded"):
                return read
            if state in _DONE:
                raise NotReady(200, f"Provisioning{state}", f"{path} is in the state {state}")
            wait = _pause(wait, deadline)

    def delete(self, path: str, api_version: str, seconds: float) -> None:
        """Delete a resource, if it is there, and wait until it is gone. Raises `ArmError`."""
        deadline = time.monotonic() + seconds
        answer = self._send("DELETE", self._url(path, api_version))
        if answer.status_code != 404:
            self._finish(_accepted(answer), deadline)

    def _url(self, path: str, api_version: str) -> str:
        return f"https://{self.sign_in.account.host}{path}?api-version={api_version}"

    def _send(
        self, method: str, url: str, body: Mapping[str, Any] | None = None
    ) -> requests.Response:
        for left in reversed(range(_TRIES)):
            answer = self.sign_in.session().request(
                method,
                url,
                json=body,
                headers={"Authorization": f"Bearer {self.sign_in.token()}"},
                timeout=SECONDS_A_REQUEST,
            )
            if answer.status_code not in _TRY_AGAIN or not left:
                break
            time.sleep(_asked_wait(answer, _SHORTEST_WAIT))
        return answer

    def _finish(self, answer: requests.Response, deadline: float) -> None:
        """Follow a long-running operation to its end, by its own address or by its location."""
        operation = answer.headers.get("Azure-AsyncOperation")
        location = answer.headers.get("Location") if answer.status_code == 202 else None
        wait = _SHORTEST_WAIT
        while operation or location:
            wait = _pause(_asked_wait(answer, wait), deadline)
            answer = self._send("GET", str(operation or location))
            if operation:
                read = _accepted(answer).json()
                if read["status"] in _DONE:
                    if read["status"] != "Succeeded":
                        error = read.get("error") or {}
                        raise NotReady(
                            200,
                            error.get("code", read["status"]),
                            error.get("message", "no reason"),
                        )
                    return
            elif answer.status_code != 202:
                if answer.status_code != 404:
                    _accepted(answer)
                return


def _accepted(answer: requests.Response) -> requests.Response:
    if answer.ok:
        return answer
    try:
        error = answer.json()["error"]
        code, message = error["code"], error["message"]
        details = [detail.get("message", "") for detail in error.get("details") or []]
    except (KeyError, TypeError, ValueError):
        raise ArmError(answer.status_code, answer.reason, answer.text[:500]) from None
    raise ArmError(answer.status_code, code, " ".join([message, *details]))


def _asked_wait(answer: requests.Response, otherwise: float) -> float:
    try:
        return float(answer.headers["Retry-After"])
    except (KeyError, ValueError):
        return otherwise


def _pause(seconds: float, deadline: float) -> float:
    """Wait, and give the seconds to wait next time. Raises `NotReady` past the deadline."""
    if time.monotonic() + seconds > deadline:
        raise NotReady(408, "OperationTimedOut", "Azure did not finish in the time given")
    time.sleep(seconds)
    return min(seconds * 1.5, _LONGEST_WAIT)
