"""Finds the call that a schedule makes, for `runner score --scheduled`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import NotFound, WrongUsage
from runner.nearest import nearest
from runner.workspace import Invocation

if TYPE_CHECKING:
    from runner.declarations import Catalog


def scheduled_call(
    catalog: Catalog, environment: str, endpoint: str | None, name: str
) -> Invocation:
    """Return the call that a schedule of an environment makes, of any endpoint or of the one named.

    Raises NotFound where there is no such schedule, WrongUsage where several endpoints have one.
    """
    among = {
        owner: schedules
        for owner, schedules in catalog.schedules.items()
        if endpoint in (None, owner)
    }
    owners = [owner for owner, schedules in among.items() if name in schedules]
    if not owners:
        of = f" of endpoint {endpoint!r}" if endpoint else ""
        known = [known for schedules in among.values() for known in schedules]
        raise NotFound(
            f"Pulumi.{environment}.yaml has no schedule {name!r}{of} under scoring:endpoints"
            + nearest(name, known)
        )
    if len(owners) > 1:
        raise WrongUsage(
            f"several endpoints have a schedule {name!r}: name one, as in"
            f" `runner score {owners[0]} --scheduled {name}` ({', '.join(owners)})"
        )
    schedule = among[owners[0]][name]
    return Invocation(
        endpoint=owners[0],
        deployment=schedule.deployment,
        data=schedule.input,
        input_type=schedule.input_type,
        settings=schedule.settings.values if schedule.settings else {},
    )
