"""The section of the warnings: the most frequent, each with how often it was given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from runner.engine.attempt import Attempt
from runner.report.section import counted, section
from runner.report.text import shown

_MOST_WARNINGS = 20


def warnings(attempts: Iterable[Attempt]) -> str:
    """List the warnings of all attempts; nothing where there are none."""
    counts = Counter(warning for attempt in attempts for warning in attempt.warnings)
    if not counts:
        return ""
    given, different = counts.total(), len(counts)
    of_them = f", {different:,} different" if different > 1 else ""
    notes = [f"{given:,} in all{of_them}."] if given > different else []
    listed = [(count, shown(warning)) for warning, count in counts.most_common(_MOST_WARNINGS)]
    rest = different - len(listed)
    more = f'<p class="more">and {rest:,} more in the logs</p>' if rest else ""
    return section("Warnings", notes, counted(listed) + more)
