"""The places in the cloud that Databricks reads without a copy."""

from __future__ import annotations

from pathlib import Path

_VOLUMES = "/Volumes/"
_SCHEMES = ("dbfs:/Volumes/", "dbfs:///Volumes/")


def place_of(path: Path | str) -> str | None:
    """Return the place that a path or an address means, in one form for all spellings of it.

    None for a path of this machine, and for an address that Databricks does not read.
    """
    text = str(path)
    for scheme in _SCHEMES:
        if text.startswith(scheme):
            return _VOLUMES + text.removeprefix(scheme).strip("/")
    if isinstance(path, Path):
        # On a Mac disks lie there, too.
        return text.rstrip("/") if text.startswith(_VOLUMES) and not path.exists() else None
    return text.rstrip("/") if text.startswith((_VOLUMES, "abfss://")) else None


def is_in_volume(place: str) -> bool:
    """Tell whether a place lies in a volume of Unity Catalog, whose files can be read by REST."""
    return place.startswith(_VOLUMES)
