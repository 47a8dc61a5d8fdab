"""Nothing speaks a TLS older than 1.2."""

import re
from collections.abc import Iterator
from typing import Final

from infra.policies.rule import UNKNOWN, Resource, Rule

_STORAGE = "storage:StorageAccount"
# The names that Azure's services give the property.
_KEYS = ("minimumTlsVersion", "minTlsVersion", "minimalTlsVersion")
_OLD_UNLESS_TOLD = (_STORAGE, "minimumTlsVersion")  # means TLS 1.0 where it is left out
_LEAST = (1, 2)


def _minimum_tls(resource: Resource) -> Iterator[str]:
    for key in _KEYS:
        found = resource.read(key)
        if found is None and (resource.kind, key) == _OLD_UNLESS_TOLD:
            found = "not set"
        if found not in (None, UNKNOWN) and _version(found) < _LEAST:
            yield (
                f"{resource.name} accepts connections older than TLS 1.2 ({key} is {found});"
                " set it to TLS1_2 in infra/"
            )
    if resource.kind == _STORAGE and resource.read("enableHttpsTrafficOnly") is False:
        yield f"{resource.name} accepts plain HTTP; set enable_https_traffic_only=True in infra/"


def _version(text: object) -> tuple[int, ...]:
    """Return the version in TLS1_2 or 1.2; nothing when there is none."""
    found = re.fullmatch(r"(?:TLS)?(\d+)[._](\d+)", str(text), re.IGNORECASE)
    return tuple(map(int, found.groups())) if found else ()


MINIMUM_TLS: Final = Rule(
    "tls-is-1.2-or-newer", "Services accept TLS 1.2 or newer, and nothing else.", _minimum_tls
)
