"""The process of a run on a cluster: `python -P run_task.py TASK.json`.

What the task raises is written beside its description, where the stand-in finds it.
"""

from __future__ import annotations

import importlib
import json
import runpy
import sys
import traceback
from importlib import metadata
from pathlib import Path
from typing import Any

_PROJECT = Path(__file__).parents[3]  # not on a cluster: there the project comes as its wheel


def main(description: Path) -> int:
    """Do a task; return 1 where it raises."""
    task = json.loads(description.read_text())
    sys.path[:] = [place for place in sys.path if Path(place) != _PROJECT]
    try:
        _do(task)
    except SystemExit as ended:
        if not ended.code:
            return 0
        _tell(description, ended)
        return 1
    except BaseException as error:
        _tell(description, error)
        return 1
    return 0


def _do(task: dict[str, Any]) -> None:
    if "python_file" in task:
        sys.argv = [task["python_file"], *task["parameters"]]
        runpy.run_path(task["python_file"], run_name="__main__")
        return
    package, entry = task["package_name"], task["entry_point"]
    sys.argv = [package, *task["parameters"]]
    points = metadata.distribution(package).entry_points
    named = [point for point in points if point.name == entry]
    if named:
        named[0].load()()
    else:
        getattr(importlib.import_module(package), entry)()


def _tell(description: Path, error: BaseException) -> None:
    trace = "".join(traceback.format_exception(error))
    print(trace, file=sys.stderr, end="", flush=True)
    said = f"{type(error).__name__}: {error}"
    told = {"error": said.strip(), "error_trace": trace}
    description.with_name("error.json").write_text(json.dumps(told))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
