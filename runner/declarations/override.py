"""Changes a batch deployment for one call: `--set KEY=VALUE` and its short forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from runner.declarations.batch import (
    FLAT_KEYS,
    PER_CALL,
    BatchDeployment,
    batch_deployment_from,
    nest_settings,
)
from runner.declarations.document import MappingNode, Node, ScalarNode, mapping
from runner.declarations.merging import merge
from runner.declarations.problem import Place, refusal
from runner.nearest import nearest

_VARIABLES = "environment_variables"  # a call changes single ones
_DEPLOYMENTS_OWN = frozenset(FLAT_KEYS) - {_VARIABLES, *(key.partition(".")[0] for key in PER_CALL)}
_COMMAND_LINE = Place(Path("--set"), 0)


def override(deployment: BatchDeployment, values: Mapping[str, str]) -> BatchDeployment:
    """Return the deployment with settings changed, checked as if they were declared so.

    Keys are those of the deployment's settings, dotted, with or without `settings.` or
    `resources.` before them, or `environment_variables.NAME`. Raises DeclarationError, also for a
    setting that no call changes.
    """
    if not values:
        return deployment
    over = mapping(_COMMAND_LINE, {}, {})
    for given, value in values.items():
        key = plain_key(given)
        if key in _DEPLOYMENTS_OWN:
            text = f"belongs to the deployment, not to a call: change it in {deployment.file}"
            raise refusal(_COMMAND_LINE, given, text)
        if key not in PER_CALL and not key.startswith(f"{_VARIABLES}."):
            hint = nearest(key, PER_CALL) or f"; there are {', '.join(PER_CALL)}"
            raise refusal(_COMMAND_LINE, given, "is no setting" + hint)
        path = "resources.instance_count" if key == "instance_count" else key
        over = merge(over, _nested(path.split(".", 1), _scalar(value)))
    laid = merge(deployment.source, nest_settings(over))
    return replace(batch_deployment_from(laid), pinned=deployment.pinned)


def plain_key(key: str) -> str:
    """Return a setting's key without the section it may be written under."""
    return key.removeprefix("settings.").removeprefix("resources.")


def _nested(keys: list[str], leaf: Node) -> MappingNode:
    for key in reversed(keys):
        leaf = mapping(_COMMAND_LINE, {key: leaf}, {key: _COMMAND_LINE})
    assert isinstance(leaf, MappingNode)
    return leaf


def _scalar(text: str) -> ScalarNode:
    whole = text.removeprefix("-").isdecimal()
    return ScalarNode(_COMMAND_LINE, text, "int" if whole else "text")
