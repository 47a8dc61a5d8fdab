"""Knows time zones by Windows' names, which Azure's schedules take, and by IANA's.

They stand in `time_zones.txt`, a zone a line with its places. The names of the zones are those of
azure-ai-ml's `TimeZone`; the places are those of Unicode's CLDR, `windowsZones`, in its order.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from runner.declarations.document import Node
from runner.declarations.problem import refusal
from runner.declarations.reader import read_str
from runner.nearest import nearest

UTC = "UTC"


def read_time_zone(node: Node, key: str) -> str:
    """Read a time zone by either of its names, as Azure's. Raises DeclarationError."""
    text = read_str(node, key)
    zones = time_zones()
    for name, windows in zones.items():
        if name.lower() == text.lower():
            return windows
    hint = nearest(text, zones) or "; such as Europe/Berlin or W. Europe Standard Time"
    raise refusal(node.place, key, f"there is no time zone {text!r} on Azure{hint}")


@cache
def time_zones() -> Mapping[str, str]:
    """Return Azure's name of every zone by each of its names, that one first."""
    zones: dict[str, str] = {}
    table = Path(__file__).with_name("time_zones.txt").read_text("ascii")
    for line in table.replace("\n  ", " ").splitlines():
        windows, _, places = line.partition(":")
        zones |= dict.fromkeys((windows, *places.split()), windows)
    return zones
