"""The times that an online endpoint took when it was last served on this machine, which tell
whether Azure would wait as long.

<home>/endpoints/<name>/served.json, by deployment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from runner.files.atomic import write_atomically


@dataclass(frozen=True)
class Served:
    """A deployment's last time on this machine."""

    start_seconds: float  # until its slowest process was ready
    slowest_seconds: float = 0.0  # of its requests, those given up too; 0 without any


def served_before(home: Path, endpoint: str) -> Mapping[str, Served]:
    """The records of an endpoint's deployments, by their names; none where it was never served."""
    try:
        content = json.loads(_file(home / "endpoints" / endpoint).read_text(encoding="utf-8"))
        return {name: Served(**known) for name, known in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # never served, or by another version


def record_starts(folder: Path, seconds: Mapping[str, float]) -> None:
    """Keep how long each deployment of an endpoint took to be ready."""
    known = served_before(folder.parent.parent, folder.name)
    _write(
        folder,
        {
            name: replace(known.get(name, Served(took)), start_seconds=took)
            for name, took in seconds.items()
        },
    )


def record_slowest(folder: Path, seconds: Mapping[str, float]) -> None:
    """Keep the slowest request of each deployment, where it had any."""
    known = served_before(folder.parent.parent, folder.name)
    _write(
        folder,
        {
            name: replace(served, slowest_seconds=seconds.get(name) or served.slowest_seconds)
            for name, served in known.items()
        },
    )


def _write(folder: Path, served: Mapping[str, Served]) -> None:
    content = {
        name: {key: round(value, 3) for key, value in asdict(record).items()}
        for name, record in served.items()
    }
    write_atomically(_file(folder), json.dumps(content))


def _file(folder: Path) -> Path:
    return folder / "served.json"
