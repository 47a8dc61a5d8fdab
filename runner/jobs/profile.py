"""Keeping the profile of a batch job in its folder, and making it for a job that left none."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.engine.attempt import Attempt
from runner.engine.inputs import changed_files
from runner.engine.journal import Standing, read_journal
from runner.engine.layout import journal_file, plan_file, profile_file
from runner.engine.plan import Plan, read_plan
from runner.engine.profiles import gather
from runner.engine.text import one_line
from runner.errors import EnvironmentRefused, JobFailed
from runner.files.atomic import replace_atomically, temporary_path
from runner.files.only_files import read_file
from runner.files.syncing import sync
from runner.installing import installed_by
from runner.predictions import COLUMNS
from runner.profile.profile import Profile, decode, encode, merge_profiles, without_rare
from runner.profile.sketch import Profiler, wanted

if TYPE_CHECKING:
    import pyarrow as pa

_KEY = 32  # bytes


def leave_profile(folder: Path, attempts: Iterable[Attempt]) -> bool:
    """Write the profile of a job that has scored all, from those of its parts.

    Returns whether there is one now. An error while it is made does not fail the job.
    """
    if not wanted():
        return False
    try:
        profile = gather(folder, Standing(attempts).counted())
        if profile is None:
            return False
        _write(folder, profile)
    except Exception as error:
        from runner.jobs.folder import log_line

        log_line(folder, f"warning: no profile is kept of the job: {error}")
        return False
    return True


def kept_profile(folder: Path) -> Profile | None:
    """Return the profile that a job left; None where there is none that can be used."""
    try:
        return decode(read_file(profile_file(folder)))
    except (OSError, ValueError):
        return None


def job_profile(folder: Path, name: str, predictions: str | None) -> Profile:
    """Return the profile of a completed job, made of the data it scored where it left none.

    `predictions` is the file of its predictions. Raises EnvironmentRefused where the profile
    can't be made any more.
    """
    path = profile_file(folder)
    try:
        return decode(read_file(path))
    except FileNotFoundError:
        why = f"job {name!r} left no profile"
    except ValueError as error:
        why = f"the profile of job {name!r}, {path}, can't be used ({error})"
    except OSError as error:
        raise EnvironmentRefused(
            f"the profile of job {name!r}, {path}, can't be read: {error.strerror}"
        ) from None
    return _write(folder, _remade(folder, why, predictions))


def predictions_profile(name: str, predictions: str | None) -> Profile:
    """Return the profile of a job's predictions alone, of which nothing is kept.

    `predictions` is its `predictions.csv`, fetched from where the job ran. Raises
    EnvironmentRefused where it is laid out otherwise than that of an MLflow deployment.
    """
    way = "score the data with --env local, whose jobs leave a profile"
    if predictions is None or not Path(predictions).is_file():
        raise EnvironmentRefused(f"job {name!r} has no predictions to compare: {way}")
    try:
        return without_rare(_outputs(Path(predictions)), b"of this command")
    except ModuleNotFoundError as error:
        raise EnvironmentRefused(
            f"comparing jobs that ran elsewhere needs {error.name}:"
            f" {installed_by(str(error.name), group='score')}"
        ) from None
    except ValueError as error:
        raise EnvironmentRefused(
            f"the predictions of job {name!r} are not laid out as an MLflow deployment's"
            f" ({one_line(error)}): {way}"
        ) from None


def _write(folder: Path, profile: Profile) -> Profile:
    """Keep a job's profile, which its owner alone may read, and return what is kept."""
    finished = without_rare(profile, _key(folder))
    with replace_atomically(profile_file(folder)) as draft:
        draft.unlink(missing_ok=True)
        draft.touch(0o600)
        draft.write_bytes(encode(finished))
    return finished


def _key(folder: Path) -> bytes:
    """Return the key of the codes that stand for texts, made once for all jobs beside this one.

    Without it nobody finds out by trying which text a code of a profile stands for.
    """
    path = folder.parent / ".profile-key"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        with temporary_path(folder) as draft:
            draft.touch(0o600)
            draft.write_bytes(os.urandom(_KEY))
            sync([draft])
            with contextlib.suppress(FileExistsError):  # another job's host was faster
                path.hardlink_to(draft)
            sync([path.parent])
        return path.read_bytes()


def _remade(folder: Path, why: str, predictions: str | None) -> Profile:
    again = "score its input again, and compare that job"
    try:
        plan = read_plan(plan_file(folder))
    except (OSError, JobFailed, ValueError, KeyError, TypeError):
        raise EnvironmentRefused(f"{why}, and its plan is of another version: {again}") from None
    if plan.script is not None or plan.model is None:
        raise EnvironmentRefused(
            f"{why}, and of what a script returned none can be made afterwards: {again}"
        )
    done = [
        attempt
        for attempt in Standing(read_journal(journal_file(folder))).counted()
        if attempt.outcome == "done"
    ]
    scored = {file.name for attempt in done for file in attempt.files if file.error is None}
    files = tuple(file for file in plan.files if file.name in scored)
    if changed := changed_files(Path(plan.input), files):
        gone = Path(plan.input) / changed[0]
        raise EnvironmentRefused(f"{why}, and {gone} is gone or has changed since: {again}")
    if predictions is None or not Path(predictions).is_file():
        raise EnvironmentRefused(f"{why}, and its predictions are gone: {again}")
    try:
        inputs = _inputs(plan, plan.model, done)
        outputs = _outputs(Path(predictions))
        return merge_profiles([*inputs, outputs])
    except ModuleNotFoundError as error:
        raise EnvironmentRefused(
            f"{why}, and {error.name} is not installed, which reads its files: install it, and"
            " compare again"
        ) from None
    except Exception as error:
        raise EnvironmentRefused(f"{why}, and its files can't be read ({error}): {again}") from None


def _inputs(plan: Plan, model: str, done: Iterable[Attempt]) -> Iterator[Profile]:
    from runner.engine.drivers.formats import read_feed
    from runner.engine.mlmodel import read_mlmodel

    signature = read_mlmodel(Path(model)).signature
    for attempt in done:
        for file in attempt.files:
            if file.error is not None:
                continue
            profiler = Profiler()
            feed = read_feed(Path(plan.input) / file.name, signature, attempt.slice)
            profiler.add(feed.columns(), feed.rows, {}, 0)
            yield _made(profiler)


def _outputs(predictions: Path) -> Profile:
    """Return the profile of the answers in a `predictions.csv`."""
    import pyarrow as pa
    from pyarrow import csv

    profiler = Profiler()
    with csv.open_csv(
        predictions,
        csv.ReadOptions(column_names=list(COLUMNS), block_size=8 << 20),
        convert_options=csv.ConvertOptions(
            include_columns=[COLUMNS[1]],
            column_types={COLUMNS[1]: pa.string()},
            strings_can_be_null=True,
            null_values=[""],
        ),
        parse_options=csv.ParseOptions(newlines_in_values=True),
    ) as reader:
        for batch in reader:
            profiler.add({}, 0, _answers(batch.column(0)), len(batch))
    return _made(profiler)


def _made(profiler: Profiler) -> Profile:
    profile = profiler.finish()
    if profile is None:
        raise ValueError("they could not be counted")
    return profile


def _answers(cells: pa.Array) -> dict[str, Any]:
    """Return the columns of answers from their cells, typed as far as these tell."""
    import json

    import pyarrow as pa

    from runner.engine.drivers.answers import as_answers
    from runner.tally import ONLY

    for kind in (pa.int64(), pa.float64()):
        try:
            return {ONLY: cells.cast(kind)}
        except pa.ArrowInvalid:
            continue
    texts = cells.to_pylist()
    if all(text and text[0] in "[{" for text in texts):
        try:
            return dict(as_answers([json.loads(text) for text in texts]).columns)
        except ValueError:
            pass
    return {ONLY: cells}
