"""The head of the page: how the job ended, what it did, and its totals."""

from __future__ import annotations

from runner.counting import many
from runner.local.report.report import Report
from runner.local.report.text import duration, moment, share, shown
from runner.workspace import JobStatus, Summary

_ICONS: dict[str, str] = {
    JobStatus.COMPLETED: "M3 8.5l3.2 3.2L13 5",
    JobStatus.FAILED: "M4 4l8 8M12 4l-8 8",
    JobStatus.CANCELED: "M4 8h8",
}
_OTHER_ICON = "M8 4v5M8 11.5v.5"


def header(report: Report) -> str:
    summary = report.summary
    icon = _ICONS.get(summary.status, _OTHER_ICON)
    done = f"{many(summary.rows, 'row')} from {many(summary.files, 'file')}"
    workers = len({one.worker for one in report.attempts})
    by = f" by {_of(report, workers)}" if workers else ""
    took = f"Scored {done} in {duration(summary.seconds)}{by}."
    if report.resumed:
        took += f" Taken up again {many(report.resumed, 'time')}."
    when = moment(report.started_at) if report.started_at else ""
    error = (
        f'<p class="error" role="alert"><b>Why it ended:</b> {shown(report.error, 2000)}</p>'
        if report.error
        else ""
    )
    return (
        f'<header><div class="eyebrow"><span class="status"><svg viewBox="0 0 16 16" '
        f'aria-hidden="true"><path d="{icon}"/></svg>{shown(summary.status)}</span>'
        f"<span>Batch job</span>{when}</div>"
        f'<h1>{shown(summary.job)}</h1><p class="lede">{took}</p>{error}</header>'
    )


def _of(report: Report, workers: int) -> str:
    """How many workers had something to do, of those there might be."""
    allowed = int(report.settings.get("processes", workers))
    return (
        f"{workers:,} of {many(allowed, 'worker')}"
        if workers < allowed
        else many(workers, "worker")
    )


def totals(summary: Summary) -> str:
    failed = f"{summary.failed_files:,}"
    if summary.failed_files:
        failed += f" <small>{share(summary.failed_files, summary.files)}</small>"
    speed = summary.rows_per_second
    cells = [
        ("first", "Rows", "", f"{summary.rows:,}"),
        ("", "Rows a second", "", f"{speed:,.0f}" if speed >= 10 else f"{speed:.3g}"),
        ("", "Time", "", duration(summary.seconds)),
        ("", "Files", "", f"{summary.files:,}"),
        ("", "Failed files", "bad" if summary.failed_files else "", failed),
        ("", "Mini-batches", "", f"{summary.mini_batches:,}"),
        ("", "Retries", "warn" if summary.retries else "", f"{summary.retries:,}"),
    ]
    return '<dl class="totals" aria-label="Totals">{}</dl>'.format(
        "".join(
            f'<div class="{place}"><dt>{name}</dt><dd class="{colour}">{figure}</dd></div>'
            for place, name, colour, figure in cells
        )
    )
