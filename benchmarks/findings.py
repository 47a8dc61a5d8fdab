"""The figures that a benchmark found, the targets they are held to, and how both are printed."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Finding:
    """One figure: its samples, and the measurements it was worked out from."""

    what: str
    samples: tuple[float, ...]
    unit: str = "×"
    at_most: float | None = None
    at_least: float | None = None
    measured: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # program → seconds

    @property
    def value(self) -> float:
        """Return the median of the samples."""
        return median(self.samples)

    @property
    def passed(self) -> bool | None:
        """Return whether the target is met; None where there is none."""
        if self.at_most is not None:
            return self.value <= self.at_most
        return None if self.at_least is None else self.value >= self.at_least

    def row(self, judged: bool) -> tuple[str, ...]:
        """Return the cells of the figure's row in a table."""
        spread = f"{_number(min(self.samples))}–{_number(max(self.samples))}"
        target = "" if self.at_most is None else f"at most {self.at_most:g}"
        target = target if self.at_least is None else f"at least {self.at_least:g}"
        verdict = {True: "pass", False: "MISS", None: ""}[self.passed if judged else None]
        return (
            self.what,
            f"{_number(self.value)} {self.unit}",
            spread if len(self.samples) > 1 else "",
            target,
            verdict,
            ", ".join(f"{name} {_number(median(s))} s" for name, s in self.measured.items()),
        )


def compare(
    what: str,
    seconds: Mapping[str, tuple[float, ...]],
    over: str,
    under: str,
    *,
    at_most: float | None = None,
    at_least: float | None = None,
) -> Finding:
    """Return the ratio of two programs' seconds, pair by pair: `over` divided by `under`."""
    ratios = tuple(a / b for a, b in zip(seconds[over], seconds[under], strict=True))
    return Finding(what, ratios, "×", at_most, at_least, seconds)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def format_table(findings: Sequence[Finding], judged: bool) -> str:
    """Return findings as text: figure, its range, target, verdict, the medians behind it."""
    header = ("figure", "median", "range", "target", "", "median seconds")
    rows = [header, *(finding.row(judged) for finding in findings)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def describe_machine() -> dict[str, str | int]:
    """Return what the figures were measured on."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor() or platform.machine(),
        "cores": os.cpu_count() or 1,
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def write_results(path: Path, findings: Sequence[Finding], quick: bool) -> None:
    """Write findings, raw seconds included, as JSON."""
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe_machine(),
        "quick": quick,
        "findings": [
            {**asdict(finding), "median": finding.value, "passed": finding.passed}
            for finding in findings
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
