"""Sizes in bytes as people write them."""

from __future__ import annotations

import click
import pytest

from runner.cli.sizes import in_bytes

OPTION = click.Option(["--slice-above"])
CONTEXT = click.Context(click.Command("score"))


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("500", 500),
        ("500kB", 500_000),
        ("32MB", 32_000_000),
        ("1.5 GB", 1_500_000_000),
        (" 2 mib ", 2 << 20),
        (None, None),
    ],
)
def test_a_size_may_have_a_unit(text: str | None, size: int | None) -> None:
    assert in_bytes(CONTEXT, OPTION, text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1", "3 lines", "1,5MB", "1e3"])
def test_what_is_no_size_is_refused_with_the_way_to_write_it(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"write it as 500kB, 32MB or 1\.5GB"):
        in_bytes(CONTEXT, OPTION, text)
