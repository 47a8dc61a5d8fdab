"""Lays one tree of a declaration over another."""

from runner.declarations.document import MappingNode, mapping

# A part of these says nothing without the rest, so an environment states them whole.
WHOLE = frozenset(
    {
        "environment",
        "identity",
        "mirror_traffic",
        "model",
        "scale_settings",
        "traffic",
    }
)


def merge(base: MappingNode, over: MappingNode) -> MappingNode:
    """Lay one tree over another; every node keeps the place it was written at."""
    entries = dict(base.entries)
    places = {**base.key_places, **over.key_places}
    for key, node in over.entries.items():
        below = entries.get(key)
        deep = isinstance(below, MappingNode) and isinstance(node, MappingNode)
        entries[key] = merge(below, node) if deep and key not in WHOLE else node  # type: ignore[arg-type]
    return mapping(base.place, entries, places)
