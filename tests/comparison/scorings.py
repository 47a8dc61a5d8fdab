"""Scorings for tests, as the engine leaves them: answers by file, or a script's lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from runner.comparison.scoring import Scored
from runner.engine.attempt import Attempt, FileResult
from runner.engine.plan import InputFile, Plan, Settings
from runner.engine.slices import Slice

Answers = Mapping[str, Sequence[str]]


def scored(
    folder: Path,
    answers: Answers,
    *,
    data: Path | None = None,
    failed: Mapping[str, str] | None = None,
    slices: int = 0,
    script: bool = False,
    together: bool = False,
    error: str | None = None,
) -> Scored:
    """Write the pieces of a scoring: a piece for each file, with `slices` for so many of its rows,
    or with `together` for all files."""
    folder.mkdir(parents=True)
    names = sorted({*answers, *(failed or {})})
    attempts = []
    for number, name in enumerate(names):
        cells = answers.get(name, ())
        size = slices or len(cells) or 1
        for part, start in enumerate(range(0, len(cells) or 1, size)):
            some = cells[start : start + size]
            lines = some if script else [f"{start + n},{c},{name}" for n, c in enumerate(some)]
            text = "".join(f"{line}\n" for line in lines)
            (folder / f"{number:08d}-{part:06d}").write_text(text)
            rows = None if script and len(some) != 1 else len(some)
            attempts.append(
                Attempt(
                    mini_batch=number,
                    part=part,
                    slice=Slice(start, len(some), 0, 0) if slices else None,
                    attempt=1,
                    outcome="done",
                    worker=0,
                    started=0,
                    seconds=0,
                    rows=len(some),
                    files=(FileResult(name, rows, (failed or {}).get(name)),),
                )
            )
    if together:
        text = "".join(path.read_text() for path in sorted(folder.iterdir()))
        (folder / "00000000-000000").write_text(text)
        files = tuple(file for attempt in attempts for file in attempt.files)
        rows = sum(attempt.rows for attempt in attempts)
        attempts = [replace(attempts[0], files=files, rows=rows)]
    plan = Plan(
        job="trial",
        input=str(data or folder),
        files=tuple(InputFile(name, 0, 0) for name in names),
        settings=Settings(mini_batch_size=1),
        model=None,
        script="score.py" if script else None,
    )
    return Scored(plan, tuple(attempts), folder, 1.0, error)
