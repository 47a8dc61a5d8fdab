"""The section of the failures: what was lost for good, what was run again, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from runner.counting import many
from runner.engine.attempt import Attempt, FileResult
from runner.report.section import counted, section
from runner.report.text import duration, name_tag, shown

_MOST_GLANCED = 8  # more can be searched and sorted
_MOST_ROWS = 500  # of the table,
_MOST_CHARACTERS = 600_000  # which is cut sooner where names and reasons are enormous
_MOST_REASONS = 6
_NO_DIGITS = str.maketrans("", "", "0123456789")


class Trouble(NamedTuple):
    """A file or a mini-batch that failed for good, or an attempt that was run again."""

    kind: Literal["failed", "retried"]
    attempt: Attempt
    file: FileResult | None
    reason: str


def troubles(attempts: Sequence[Attempt], settled: Sequence[Attempt]) -> list[Trouble]:
    """Return what was lost for good, then what the engine or a resumed job ran again."""
    found = []
    for attempt in settled:
        lost = [
            Trouble("failed", attempt, file, file.error)
            for file in attempt.files
            if file.error is not None
        ]
        found += lost
        if attempt.missing:
            owed = f"run() returned {many(attempt.missing, 'result')} too few"
            found.append(Trouble("failed", attempt, None, owed))
        elif attempt.outcome == "failed" and not lost:
            found.append(Trouble("failed", attempt, None, _reason(attempt)))
    final = {id(attempt) for attempt in settled}
    found += [
        Trouble("retried", attempt, None, _reason(attempt))
        for attempt in attempts
        if attempt.outcome == "retried"
        or (attempt.outcome == "failed" and id(attempt) not in final)
    ]
    return found


def searchable(found: Sequence[Trouble]) -> bool:
    """Return whether there are too many to take in at a glance."""
    return len(found) > _MOST_GLANCED


def failures(
    found: Sequence[Trouble],
    attempts: Sequence[Attempt],
    failed_files: int,
    error: str | None = None,
) -> str:
    """Draw the troubles found in these attempts, of a job that lost so many files.

    `error` is why the job failed as a whole, None for one that did not.
    """
    title = "Failures and retries"
    if not found and error:
        why = f"The job failed before a mini-batch did: {shown(error, 2000)}"
        return section(title, [], f"<p>{why}</p>")
    if not found:
        return section(title, [], "<p>Nothing failed and nothing was run again.</p>")
    retried = sum(attempt.kind == "retried" for attempt in found)
    notes = [
        f"{many(failed_files, 'file')} failed for good." if failed_files else "No file failed.",
        f"{many(retried, 'attempt')} run again." if retried else "Nothing was run again.",
    ]
    # An attempt that is run again doesn't name its files; the one that made it good does.
    files = {attempt.key: attempt.files for attempt in attempts if attempt.files}
    rows: list[str] = []
    size = 0
    for attempt in found[:_MOST_ROWS]:
        rows.append(_row(attempt, files))
        size += len(rows[-1])
        if size > _MOST_CHARACTERS:
            break
    rest = len(found) - len(rows)
    tools = (
        '<div id="tools" hidden><input type="search" aria-label="Filter failures and retries" '
        'placeholder="Filter by file or reason"><output aria-live="polite"></output></div>'
    )
    scroll = f'<div class="scroll" tabindex="0" role="region" aria-label="{title}">'
    return section(
        title,
        notes,
        f"{_reasons(found) + tools + scroll if searchable(found) else '<div>'}"
        f'<table id="failures" class="list"><caption class="hidden">{title}</caption>'
        '<thead><tr><th scope="col">What</th><th scope="col">File</th>'
        '<th scope="col" class="num">Mini-batch</th><th scope="col" class="num">Attempt</th>'
        '<th scope="col" class="num">At</th><th scope="col">Reason</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
        + (f'<p class="more">and {rest:,} more in <code>failures.csv</code></p>' if rest else ""),
    )


def _reason(attempt: Attempt) -> str:
    return attempt.reason or "no reason was given"


def _reasons(found: Sequence[Trouble]) -> str:
    """List the most frequent reasons; those that differ only in a name or number are counted as
    one."""
    kinds: dict[str, str] = {}  # of each reason, what is left without name and numbers
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}
    alike: set[str] = set()
    for attempt in found:
        if attempt.reason not in kinds:
            name = attempt.file.name if attempt.file else ""
            kinds[attempt.reason] = attempt.reason.replace(name, "").translate(_NO_DIGITS)
        kind = kinds[attempt.reason]
        counts[kind] += 1
        if first.setdefault(kind, attempt.reason) != attempt.reason:
            alike.add(kind)
    if len(counts) == len(found):
        return ""
    listed = [
        (count, shown(first[kind], 240) + (" <i>and alike</i>" if kind in alike else ""))
        for kind, count in counts.most_common(_MOST_REASONS)
    ]
    rest = len(counts) - len(listed)
    more = f'<p class="more">and {many(rest, "reason")} more</p>' if rest else ""
    return f"<h3>Reasons</h3>{counted(listed)}{more}<h3>One by one</h3>"


def _row(trouble: Trouble, files_of: Mapping[tuple[int, int], Sequence[FileResult]]) -> str:
    attempt = trouble.attempt
    files = [trouble.file] if trouble.file else files_of.get(attempt.key, ())
    if len(files) == 1:
        file = name_tag(files[0].name)
    else:
        file = f'<span class="soft">{many(len(files), "file") if files else "not known"}</span>'
    at = attempt.started + attempt.seconds
    title = f' title="{shown(trouble.reason)}"' if len(trouble.reason) > 240 else ""
    return (
        f'<tr><td class="kind {trouble.kind}">{trouble.kind}</td><td>{file}</td>'
        f'<td class="num">{attempt.label}</td><td class="num">{attempt.attempt}</td>'
        f'<td class="num" data-key="{1000 * at:.0f}">{duration(at)}</td>'
        f'<td class="reason"{title}>{shown(trouble.reason, 240)}</td></tr>'
    )
