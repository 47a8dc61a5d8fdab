"""The process of one job: the local batch engine over a folder that was filled with blobs.

`python -m tests.emulator.batch.scoring FOLDER` reads `FOLDER/task.json`, scores `FOLDER/input`
and leaves the output in the folder that it names in its last line. Each line it prints is an event
in JSON: `{"log": text}`, `{"done": n, "of": n, "files": n}` (mini-batches, and files of all) or
`{"output": folder}`. Exit status 1 and a last `{"error": text}` say that it failed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from runner.engine.inputs import list_code, list_files
from runner.engine.journal import Standing, read_journal
from runner.engine.layout import journal_file
from runner.engine.pieces import publish
from runner.engine.plan import Plan, Settings
from runner.engine.run import Stopped, run
from runner.errors import JobFailed
from tests.emulator.batch.places import model_root
from tests.emulator.batch.task import Task, task_from

_SECONDS_BETWEEN_LOOKS = 0.05


def main(folder: Path) -> int:
    """Run the job of a folder; returns the exit status."""
    task = task_from(json.loads((folder / "task.json").read_text()))
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    try:
        plan = _plan(task, folder)
        os.environ.update(plan.environment_variables)
        watch = threading.Thread(target=_tell_progress, args=(plan, folder), daemon=True)
        watch.start()
        attempts = run(
            plan, folder, began=time.time(), stop=stopped.is_set, log=lambda line: _tell(log=line)
        )
        _tell(done=plan.mini_batches, of=plan.mini_batches, files=len(plan.files))
        _tell(output=str(publish(plan, folder, attempts)))
    except Stopped:
        return 130
    except JobFailed as error:
        _tell(error=str(error).replace(f"{folder}/", ""))
        return 1
    return 0


def _plan(task: Task, folder: Path) -> Plan:
    inputs, files = list_files(_only(folder / "input"))
    script = folder / "code" / task.scoring_script if task.scoring_script else None
    settings = task.settings
    return Plan(
        job=task.job,
        input=str(inputs),
        files=files,
        settings=Settings(
            mini_batch_size=settings.mini_batch_size,
            processes=min(settings.processes, os.cpu_count() or 1),
            max_retries=settings.max_retries,
            timeout=settings.timeout,
            error_threshold=settings.error_threshold,
            output_action=(
                "summary_only" if settings.output_action == "summary_only" else "append_row"
            ),
            output_file_name=settings.output_file_name,
            slice_above=0,  # Azure gives a model each file whole
        ),
        model=str(model_root(folder, task.model)) if task.model else None,
        script=str(script) if script else None,
        code=list_code(script) if script else (),
        environment_variables={
            **({"AZUREML_MODEL_DIR": str(folder / "model")} if task.model else {}),
            **task.environment_variables,
        },
    )


def _only(folder: Path) -> Path:
    """Return a folder of files, or the one file that was asked for, marked by its name."""
    marker = folder.parent / "input-file"
    return folder / marker.read_text() if marker.exists() else folder


def _tell_progress(plan: Plan, folder: Path) -> None:
    told = -1
    while told < plan.mini_batches:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
        journal = journal_file(folder)
        done = len(Standing(read_journal(journal)).settled) if journal.exists() else 0
        if done > told:
            _tell(done=done, of=plan.mini_batches, files=len(plan.files))
            told = done


def _tell(**event: Any) -> None:
    print(json.dumps(event), flush=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
