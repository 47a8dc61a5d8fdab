"""Every benchmark that can be named is there, and is described beside its figures."""

from __future__ import annotations

import re

from benchmarks.run import ALL, CASES, NAMED, find_case
from benchmarks.timing import ROOT


def test_every_name_is_a_benchmark_that_says_what_it_measures() -> None:
    assert all(find_case(name).__doc__ for name in ALL)


def test_the_documentation_has_a_row_for_every_benchmark() -> None:
    text = (ROOT / "benchmarks" / "README.md").read_text()
    assert re.findall(r"^\| `([a-z0-9-]+)` \|", text, re.MULTILINE) == [*CASES, *NAMED]
