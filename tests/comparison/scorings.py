"""Scorings for tests, as the engine leaves them: answers by file, or a script's lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    error: str | None = None,
) -> Scored:
    """Write the pieces of a scoring; with `slices`, so many rows of a file to a piece."""
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
    plan = Plan(
        job="trial",
        input=str(data or folder),
        files=tuple(InputFile(name, 0, 0) for name in names),
        settings=Settings(mini_batch_size=1),
        model=None,
        script="score.py" if script else None,
    )
    return Scored(plan, tuple(attempts), folder, 1.0, error)
