"""The process that scores for a comparison: a plan, and a sample of it a second time.

<folder>/
    plan.json, journal.jsonl, pieces/, logs/    as those of a batch job
    first/                                      the sample's pieces of the first time
    first.json                                  the sample's attempts of the first time
    ended.json                                  how long it took, and why nothing was scored

The sample is scored as a job that is resumed: its parts are struck from the journal, and the same
calls are made again.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from runner.engine.attempt import Attempt
from runner.engine.journal import Standing, read_journal, write_journal
from runner.engine.layout import journal_file, piece, plan_file
from runner.engine.plan import Plan, read_plan
from runner.engine.run import Stopped, run
from runner.errors import RunnerError
from runner.files.atomic import write_atomically
from runner.jobs.folder import log_line, with_secrets
from runner.jobs.secrets import receive_secrets
from runner.processes import with_one_thread

SAMPLE = 20_000  # rows that are scored twice, or the rows of one part where it has more


def first_folder(folder: Path) -> Path:
    """Return where the sample's pieces of the first time lie."""
    return folder / "first"


def main(place: str, twice: str) -> int:
    """Score the plan in a folder, and a sample of it again where `twice` is "twice".

    The values of variables that the plan does not hold are told over standard input.
    """
    secrets = receive_secrets()
    folder, parent = Path(place), os.getppid()
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stopping.append(number))

    def read() -> Plan:
        plan = read_plan(plan_file(folder))
        variables = with_secrets(plan.environment_variables, plan.secrets, secrets)
        return replace(plan, environment_variables=variables)

    # Before anything is imported for the workers: OMP_NUM_THREADS and its like are read once.
    os.environ.update({**with_one_thread(os.environ), **read().environment_variables})

    def score() -> None:
        run(
            read(),
            folder,
            began=time.time(),
            stop=lambda: bool(stopping) or os.getppid() != parent,
            log=lambda line: log_line(folder, line),
        )

    began, error = time.monotonic(), None
    try:
        score()
        seconds = time.monotonic() - began
        if twice == "twice" and _strike_sample(folder):
            _reseed()
            score()
    except Stopped:
        return 1
    except RunnerError as failure:
        error, seconds = str(failure), time.monotonic() - began
    except Exception as failure:
        import traceback

        traceback.print_exc()
        error, seconds = f"{type(failure).__name__}: {failure}", time.monotonic() - began
    write_atomically(folder / "ended.json", json.dumps({"seconds": seconds, "error": error}))
    sys.stdout.flush()
    sys.stderr.flush()
    # All workers have ended and all is written: taking apart what was imported takes a while.
    os._exit(0)


def _reseed() -> None:
    """Let models that answer at random do so anew: forked workers have the numbers of this process,
    which would be the same ones."""
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()


def choose_sample(done: Sequence[Attempt], rows: int = SAMPLE) -> list[Attempt]:
    """Return parts of together at most so many rows, from everywhere in the input.

    Where none has so few it is the one with the fewest.
    """
    spread = sorted(done, key=lambda attempt: (_turned(done.index(attempt)), attempt.key))
    chosen: list[Attempt] = []
    left = rows
    for attempt in spread[:_MOST_PARTS]:
        if attempt.rows <= left:
            chosen.append(attempt)
            left -= attempt.rows
    if not chosen and done:
        chosen.append(min(done, key=lambda attempt: (attempt.rows, attempt.key)))
    return sorted(chosen, key=lambda attempt: attempt.key)


_MOST_PARTS = 64


def _turned(place: int) -> int:
    """Return a place's bits the other way round, so that neighbours come far apart."""
    return int(f"{place:032b}"[::-1], 2)


def _strike_sample(folder: Path) -> bool:
    """Make the sample look unscored. Return whether there is any."""
    attempts = read_journal(journal_file(folder))
    done = [
        attempt
        for attempt in Standing(attempts).counted()
        if attempt.outcome == "done" and not attempt.failed_files and attempt.rows
    ]
    sample = choose_sample(done)
    if not sample:
        return False
    keys = {attempt.key for attempt in sample}
    first_folder(folder).mkdir()
    write_journal(first_folder(folder) / "journal.jsonl", sample)
    for key in keys:
        path = piece(folder, key)
        path.rename(first_folder(folder) / path.name)
    write_journal(
        journal_file(folder), [attempt for attempt in attempts if attempt.key not in keys]
    )
    return True
