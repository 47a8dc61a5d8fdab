"""The reason why nothing of a job was tracked is looked for in its code."""

from __future__ import annotations

import re
from contextlib import suppress
from itertools import islice
from pathlib import Path
from stat import S_ISREG

from runner.local.tracking.plan import RunPlan
from runner.local.tracking.reading import walk_files
from runner.workspace import Run

_OWN_ADDRESS = re.compile(rb"set_tracking_uri\s*\(|MLFLOW_TRACKING_URI[\"']?\]?\s*=(?!=)")
_MOST_FILES = 2_000
_LARGEST = 1 << 20  # bytes


def why_empty(run: Run, plan: RunPlan, command: str, code: Path) -> str | None:
    """Return why the run is empty, if the job's code sets another tracking address."""
    logged = run.parameters.keys() - plan.parameters.keys()
    if logged or run.metrics or run.models or run.artifacts or run.children:
        return None
    place = "the command" if _OWN_ADDRESS.search(command.encode()) else _place(code)
    if place is None:
        return None
    return (
        f"nothing was tracked to the job's run: {place} sets a tracking address of its own; leave"
        " that out, as the job sets MLFLOW_TRACKING_URI"
    )


def _place(code: Path) -> str | None:
    """Return the file and line that set the address."""
    for name in islice(walk_files(code), _MOST_FILES):
        path = code / name
        if path.suffix not in (".py", ".sh"):
            continue
        for number, line in enumerate(_read(path).splitlines(), 1):
            if _OWN_ADDRESS.search(line.partition(b"#")[0]):
                return f"{name}, line {number},"
    return None


def _read(path: Path) -> bytes:
    """Return a script's text; nothing if it is too large or can't be read."""
    with suppress(OSError):
        status = path.stat()
        if S_ISREG(status.st_mode) and status.st_size <= _LARGEST:
            return path.read_bytes()
    return b""
