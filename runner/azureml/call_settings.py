"""What a call changes of a batch deployment, in the words of Azure's scoring interface."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from runner.errors import WrongUsage

if TYPE_CHECKING:
    from runner.declarations import BatchDeployment

# The one setting that lies elsewhere in a call than in a deployment.
_RENAMED = {"instance_count": "compute.instance_count"}


def wire_settings(deployment: BatchDeployment, asked: Collection[str]) -> dict[str, Any]:
    """The properties of a call that give it the deployment's settings where they are asked for.

    `asked` holds keys as `PER_CALL` has them, and the deployment has the call's values already. Of
    a group, such as `retry_settings`, Azure takes all or nothing. Raises WrongUsage for a setting
    that Azure takes with no call.
    """
    from runner.declarations.batch import PER_CALL

    here = tuple(key for key, where in PER_CALL.items() if where == "everywhere")
    for key in sorted(asked):
        if key not in here:
            raise WrongUsage(
                f"{key} belongs to the deployment on Azure, not to a call: change it in the stack"
                f" file and deploy; a call takes {', '.join(here)}"
            )
    groups = {key.partition(".")[0] for key in asked}
    wire: dict[str, Any] = {}
    for key in here:
        if key.partition(".")[0] in groups:
            words = [_camel(word) for word in _RENAMED.get(key, key).split(".")]
            *group, name = words
            within = wire.setdefault(group[0], {}) if group else wire
            within[name] = _value(deployment, key)
    return wire


def _value(deployment: BatchDeployment, key: str) -> Any:
    from runner.declarations.reader import Duration

    *group, name = key.split(".")
    holders: tuple[Any, ...] = (deployment.settings, deployment.resources)
    if group:
        holders = (getattr(deployment.settings, group[0]),)
    record = next(holder for holder in holders if hasattr(holder, name))
    value = getattr(record, name)
    marks = getattr(type(record).__annotations__[name], "__metadata__", ())
    return f"PT{value}S" if any(isinstance(mark, Duration) for mark in marks) else value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
