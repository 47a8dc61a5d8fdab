"""The percentages of a traffic split make a whole, or nothing."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from infra.dynamic.routing import SPLITS, split_of
from infra.policies.rule import UNKNOWN, Resource, Rule, known

_ENDPOINT = "machinelearningservices:OnlineEndpoint"
_ROUTING = "pulumi-python:dynamic/scoring:Routing"


def _whole_traffic(resource: Resource) -> Iterator[str]:
    shares = _shares(resource)
    if shares is None or any(share is UNKNOWN for share in shares.values()):
        return
    text = ", ".join(f"{name}: {share}" for name, share in shares.items())
    way_out = f"change the endpoint's traffic in {resource.stack_file}"
    percents = [share for share in shares.values() if _is_percent(share)]
    if len(percents) < len(shares):
        yield f"the traffic of {resource.name} ({text}) has shares outside 0 to 100; {way_out}"
    elif sum(percents) not in (0, 100):
        yield f"the traffic of {resource.name} ({text}) makes neither 100 nor 0; {way_out}"


def _shares(resource: Resource) -> Mapping[str, Any] | None:
    """Return the split of an online endpoint or its routing by deployment; None for others."""
    if resource.kind == _ENDPOINT:
        split = resource.read(f"properties.{SPLITS['traffic']}")
        return {name: known(split, name) for name in split} if isinstance(split, Mapping) else None
    if resource.kind == _ROUTING:
        text = resource.read("traffic")
        return split_of(text) if isinstance(text, str) else None
    return None


def _is_percent(share: Any) -> bool:
    return isinstance(share, int | float) and 0 <= share <= 100


WHOLE_TRAFFIC: Final = Rule(
    "traffic-makes-100-or-0",
    "The percentages of an online endpoint's traffic make 100, or 0 for none.",
    _whole_traffic,
)
