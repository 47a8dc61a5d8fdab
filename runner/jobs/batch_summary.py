"""The summary of a batch job, read without what runs one: commands wait for that import."""

from __future__ import annotations

import json
from pathlib import Path

from runner.files.only_files import read_file
from runner.jobs.interpreter import interpreter_from
from runner.workspace import Summary


def read_summary(folder: Path) -> Summary | None:
    """Return the job's summary; None before its first end, and where the file is damaged."""
    try:
        document = json.loads(read_file(folder / "summary.json"))
        kept = document.pop("interpreter", None)
        return Summary(**document, interpreter=interpreter_from(kept) if kept else None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
