"""Sizes in bytes as people write them: 500kB, 32MB, 1.5 GB."""

from __future__ import annotations

import re

import click

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_BINARY_UNITS = {"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*")


def in_bytes(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    """Read the value of an option that takes a size, with or without a unit."""
    if value is None:
        return None
    found = _SIZE.fullmatch(value.lower())
    unit = (_UNITS | _BINARY_UNITS).get(found[2]) if found else None
    if found is None or unit is None:
        raise click.BadParameter(f"{value!r} is not a size; write it as 500kB, 32MB or 1.5GB")
    return round(float(found[1]) * unit)
