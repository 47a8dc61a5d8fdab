"""The range in which the instances of an online deployment scale by its load, as declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from infra.problem_at import ProblemAt
from infra.stack_config import TAGS, StackConfig, StackSettings
from infra.tag_rules import SET_ON_ALL
from runner.declarations import Catalog, OnlineDeployment, Problem

TARGET = "target_utilization"
_USUAL_PERCENT = 70
_END = "-autoscale"
_MOST_TAGS = 15  # of an autoscale setting, says the SDK


@dataclass(frozen=True)
class Scale:
    """The numbers of instances at least, at most and at first, and the load that is aimed at."""

    least: int
    most: int
    first: int
    percent: int  # of the processors' time


def scale_of(deployment: OnlineDeployment) -> Scale | None:
    """Return how a deployment scales; None where its instances are counted by its declaration."""
    scale = deployment.scale_settings
    if scale is None or scale.type != TARGET or scale.max_instances is None:
        return None
    least, most = scale.min_instances or 1, scale.max_instances
    first = min(max(deployment.instance_count, least), most)
    return Scale(least, most, first, scale.target_utilization_percentage or _USUAL_PERCENT)


def tag_problems(
    config: StackConfig, catalog: Catalog, own_tags: Mapping[str, str]
) -> list[Problem]:
    """Find more tags than the autoscale setting of a deployment may have."""
    most = _MOST_TAGS - len(SET_ON_ALL)
    scaled = any(
        scale_of(deployment) is not None
        for deployments in catalog.online_deployments.values()
        for deployment in deployments.values()
    )
    if not scaled or len(own_tags) <= most:
        return []
    text = f"found {len(own_tags)}, and Azure takes {_MOST_TAGS} of an autoscale setting, allowed:"
    return [config.problem(f"{text} {most} at most, beside those of ours", TAGS)]


def setting_name(endpoint: str, deployment: str, settings: StackSettings) -> str:
    """Return the name of a deployment's autoscale setting."""
    return settings.names.of_group(f"{endpoint}-{deployment}{_END}")


def is_own(name: str, settings: StackSettings) -> bool:
    """Return whether a setting is one that this program makes."""
    return name.startswith(settings.names.of_group("")) and name.endswith(_END)


def refused_scale(deployment: OnlineDeployment, problem: ProblemAt) -> Iterator[Problem]:
    """Yield the problems of a range that Azure Monitor has nothing for."""
    scale = deployment.scale_settings
    if scale is None or scale.type != TARGET:
        return
    if scale.max_instances is None:
        yield problem(
            "missing, and required with target_utilization", "scale_settings", "max_instances"
        )
    if scale.min_instances == 0:
        text = "found 0, and a managed deployment is never without an instance, allowed: 1 or more"
        yield problem(text, "scale_settings", "min_instances")
    if scale.polling_interval is not None:
        text = (
            "is Kubernetes', and Azure Monitor looks at the last five minutes, allowed: no such key"
        )
        yield problem(text, "scale_settings", "polling_interval")
