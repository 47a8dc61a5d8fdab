"""The summary that a batch job leaves in its folder at each of its ends."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from runner.files.atomic import write_atomically
from runner.files.only_files import read_file
from runner.jobs.interpreter import interpreter_from
from runner.workspace import Summary

_NAME = "summary.json"


def write_summary(folder: Path, summary: Summary) -> None:
    """Write the job's summary, whole or not at all. OSError when the disk refuses."""
    write_atomically(folder / _NAME, json.dumps(asdict(summary), indent=2) + "\n")


def read_summary(folder: Path) -> Summary | None:
    """Return the job's summary; None before its first end, and where it is damaged."""
    try:
        document = json.loads(read_file(folder / _NAME))
        kept = document.pop("interpreter", None)
        return Summary(**document, interpreter=interpreter_from(kept) if kept else None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
