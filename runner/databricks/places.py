"""Places in the cloud that Databricks reads where they are."""

from __future__ import annotations

from pathlib import Path

_VOLUMES = "/Volumes/"
_SCHEMES = ("dbfs:/Volumes/", "dbfs:///Volumes/")


def place_of(path: Path | str) -> str | None:
    """The place that a path or an address means, in the same form for all that mean it.

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
    """Whether a place lies in a volume of Unity Catalog, where its files can be read by REST."""
    return place.startswith(_VOLUMES)
