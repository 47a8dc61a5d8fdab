"""Scores for a comparison by the engine, as a job would, in a folder that is thrown away."""

from __future__ import annotations

import importlib
import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from runner.comparison.host import first_folder
from runner.engine.attempt import Attempt
from runner.engine.journal import Standing, read_journal
from runner.engine.layout import journal_file, pieces_folder
from runner.engine.plan import Plan, read_plan
from runner.errors import JobFailed
from runner.jobs.secrets import send_secrets
from runner.processes import python_command, without_telemetry
from runner.venvs.interpreter import Interpreter

_NEEDED = ("numpy", "pyarrow.compute", "pyarrow.csv")  # to compare what was scored
_LOOK = 0.2  # seconds between looks at how far it has come
_PATIENCE = 15.0  # seconds that a process has to end when it is asked to


@dataclass(frozen=True)
class Subject:
    """Describes a version of a model whose files are on this machine."""

    label: str  # as a person names it
    path: Path
    type: str  # mlflow_model, custom_model
    content_hash: str
    size: int  # bytes
    name: str | None = None  # of the registered model
    base_name: str = ""  # of the file or folder, as a scoring script finds it


@dataclass(frozen=True)
class Trial:
    """Names a scoring that is ready to begin: its folder has a plan."""

    folder: Path
    interpreter: Interpreter
    secrets: Mapping[str, str]  # the values of variables that its plan does not hold


@dataclass(frozen=True)
class Scored:
    """Holds what a scoring left: attempts, and where their lines are in pieces."""

    plan: Plan
    attempts: tuple[Attempt, ...]  # those that count, in the order of the input
    pieces: Path
    seconds: float = 0.0
    error: str | None = None  # why nothing was scored

    @property
    def rows(self) -> int:
        return sum(attempt.rows for attempt in self.attempts)

    @property
    def failed_files(self) -> int:
        return sum(attempt.failed_files for attempt in self.attempts)


def score(
    trial: Trial, *, twice: bool, progress: Callable[[Path], object] = lambda _: None
) -> tuple[Scored, Scored | None]:
    """Run a trial. Return what it left, and with `twice` what a sample of it had left before.

    `progress` is told the trial's folder now and then. Raises JobFailed where the process that
    scores does not come to its end; an interruption ends it.
    """
    import os

    log = trial.folder / "logs" / "host.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            python_command(
                "runner.comparison.host", str(trial.folder), "twice" if twice else "once"
            ),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=without_telemetry(os.environ),
        )
    try:
        assert process.stdin is not None
        send_secrets(process.stdin, trial.secrets)
        # The process takes as long to import what it needs, on another core.
        for module in _NEEDED:
            importlib.import_module(module)
        while True:
            try:
                process.wait(_LOOK)
                break
            except subprocess.TimeoutExpired:
                progress(trial.folder)
    except BaseException:
        _end(process)
        raise
    try:
        ended = json.loads((trial.folder / "ended.json").read_bytes())
    except FileNotFoundError:
        last = log.read_text(errors="replace").strip().splitlines()[-1:]
        raise JobFailed(
            "the process that scores ended before its time"
            + (f": {last[0]}" if last else f" with status {process.returncode}")
        ) from None
    plan = read_plan(trial.folder / "plan.json")
    found = Scored(
        plan,
        tuple(Standing(read_journal(journal_file(trial.folder))).counted()),
        pieces_folder(trial.folder),
        ended["seconds"],
        ended["error"],
    )
    before = first_folder(trial.folder)
    if ended["error"] is not None or not before.is_dir():
        return found, None
    return found, Scored(plan, tuple(read_journal(before / "journal.jsonl")), before)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
