"""Long-running operations: accepted, polled, done.

Azure finishes an operation when it is done; the stand-in when it was asked for often enough, at
the operation itself or at the resource it changes. So no test depends on the time of day.
"""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from tests.emulator.state import Operation, Resource, State

FOREVER = -1
IN_PROGRESS = "InProgress"
CANCEL = "cancel"  # of a job, which has a status and no provisioning state
SUCCEEDED = "Succeeded"
FAILED = "Failed"
FINAL_STATES = (SUCCEEDED, FAILED, "Canceled", None)


@dataclass
class _Plan:
    path: str
    polls: int | None
    error: dict[str, Any] | None
    times: int | None


@dataclass
class Operations:
    """The plan by which operations go.

    `polls` is how many answers say InProgress before the one that says how it went; with 0 all is
    done at once and there is nothing to poll. `interval` is the seconds asked for between polls.
    """

    state: State
    polls: int = 1
    interval: float = 0.01
    _plans: list[_Plan] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def plan(
        self,
        path: str,
        *,
        polls: int | None = None,
        error: tuple[str, str] | None = None,
        times: int | None = 1,
    ) -> None:
        """Let the next operations on resources whose id matches a pattern go otherwise.

        `polls=FOREVER` never ends; an `error` (code, message) ends as Failed. The pattern is one
        of `fnmatch`, in any letter case; `times=None`: for good.
        """
        body = {"code": error[0], "message": error[1]} if error else None
        with self._lock:
            self._plans.append(_Plan(path.lower(), polls, body, times))

    def reset(self) -> None:
        """Let all go as usual again. Operations that have begun go on as they were."""
        with self._lock:
            self._plans.clear()
        self.polls, self.interval = Operations.polls, Operations.interval

    def begin(self, target: str, kind: str) -> Operation:
        """Begin an operation of a kind; one that still runs at the target is canceled."""
        earlier = self.state.unfinished_operation(target)
        if earlier is not None:
            self.state.add_operation(replace(earlier, status="Canceled"))
        plan = self._take(target)
        polls = self.polls if plan is None or plan.polls is None else plan.polls
        error = plan.error if plan else None
        operation = Operation(
            id=str(uuid.uuid4()),
            target=target,
            kind=kind,
            polls=polls,
            outcome=FAILED if error else SUCCEEDED,
            error=error,
            status=IN_PROGRESS,
        )
        if polls == 0:
            return self._finish(operation)
        self.state.add_operation(operation)
        return operation

    def poll(self, operation_id: str) -> Operation | None:
        """Give an operation as it stands now, one poll later."""
        operation = self.state.operation(operation_id)
        if operation is None or operation.status != IN_PROGRESS:
            return operation
        if operation.polls == 0:
            return self._finish(operation)
        if operation.polls > 0:
            self.state.add_operation(replace(operation, polls=operation.polls - 1))
        return operation

    def poll_resource(self, resource: Resource) -> Resource | None:
        """Give a resource as it stands now, one poll later; `None` when it is deleted by then."""
        operation = self.state.unfinished_operation(resource.key)
        if operation is None:
            return resource
        self.poll(operation.id)
        return self.state.get(resource.key)

    def _take(self, target: str) -> _Plan | None:
        with self._lock:
            for plan in self._plans:
                if fnmatchcase(target.lower(), plan.path):
                    if plan.times is not None:
                        plan.times -= 1
                        if plan.times == 0:
                            self._plans.remove(plan)
                    return plan
        return None

    def _finish(self, operation: Operation) -> Operation:
        done = replace(operation, status=operation.outcome)
        self.state.add_operation(done)
        target = self.state.get(operation.target)
        if target is not None:
            if operation.kind == "delete" and done.status == SUCCEEDED:
                self.state.delete(target.key)
            elif operation.kind != CANCEL:
                self.state.update(target, {"provisioningState": done.status})
        return done
