"""What a benchmark found: figures, the targets they are held to, and how both are printed."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Literal


@dataclass(frozen=True)
class Target:
    """What a figure should be."""

    kind: Literal["at most", "at least"]
    value: float


@dataclass(frozen=True)
class Finding:
    """One figure: its samples, and the measurements it was worked out from."""

    what: str
    samples: tuple[float, ...]
    unit: str = "×"
    target: Target | None = None
    measured: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # program → seconds

    @property
    def value(self) -> float:
        """The median of the samples."""
        return median(self.samples)

    @property
    def passed(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        if self.target is None:
            return None
        if self.target.kind == "at most":
            return self.value <= self.target.value
        return self.value >= self.target.value


def compare(
    what: str,
    seconds: Mapping[str, tuple[float, ...]],
    over: str,
    under: str,
    target: Target | None = None,
) -> Finding:
    """The ratio of two programs' seconds, pair by pair: `over` divided by `under`."""
    pairs = zip(seconds[over], seconds[under], strict=True)
    return Finding(what, tuple(a / b for a, b in pairs), target=target, measured=seconds)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _cells(finding: Finding, judged: bool) -> tuple[str, ...]:
    medians = [f"{name} {_number(median(s))} s" for name, s in finding.measured.items()]
    spread = f"{_number(min(finding.samples))}–{_number(max(finding.samples))}"
    target = finding.target and f"{finding.target.kind} {finding.target.value:g}"
    verdict = {True: "pass", False: "MISS", None: ""}[finding.passed if judged else None]
    return (
        finding.what,
        f"{_number(finding.value)} {finding.unit}",
        spread if len(finding.samples) > 1 else "",
        target or "",
        verdict,
        ", ".join(medians),
    )


def format_table(findings: Sequence[Finding], judged: bool) -> str:
    """A table of findings as text: figure, its range, target, verdict, medians behind it."""
    header = ("figure", "median", "range", "target", "", "median seconds")
    rows = [header, *(_cells(finding, judged) for finding in findings)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def describe_machine() -> dict[str, str | int]:
    """What the figures were measured on."""
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
