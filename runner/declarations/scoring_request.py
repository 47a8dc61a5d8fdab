"""Writes what a batch endpoint of Azure is asked: the input of a model, and what a call changes.

In the words of Azure's scoring interface, for a call that is made and for one that is scheduled.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

from runner.assets.kinds import InputType
from runner.declarations.batch import PER_CALL, BatchDeployment
from runner.declarations.reader import Duration
from runner.errors import WrongUsage

_INPUT = "data"  # the name of the one input a model deployment takes
_JOB_INPUT: Mapping[str, str] = {"uri_file": "UriFile", "uri_folder": "UriFolder"}
# The one setting that lies elsewhere in a call than in a deployment.
_RENAMED = {"instance_count": "compute.instance_count"}


def model_input(uri: str, type_: InputType) -> dict[str, Any]:
    """Return the `inputData` of a call of a model, which reads from one address."""
    return {_INPUT: {"jobInputType": _JOB_INPUT[type_], "uri": uri}}


def address_type(address: str, asked: str | None) -> InputType:
    """Return whether an address is of one file: as asked for, else by its look."""
    if asked in _JOB_INPUT:
        return "uri_file" if asked == "uri_file" else "uri_folder"
    last = address.partition("?")[0].rpartition("/")[2]
    return "uri_file" if re.search(r"\.[A-Za-z0-9]{1,8}$", last) else "uri_folder"


def wire_settings(deployment: BatchDeployment, asked: Collection[str]) -> dict[str, Any]:
    """Return the properties of a call that carry those settings of a deployment it asks for.

    `asked` holds keys as `PER_CALL` has them, and the deployment has the call's values already. Of
    a group, such as `retry_settings`, Azure takes all or nothing. Raises WrongUsage for a setting
    that Azure takes with no call.
    """
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
