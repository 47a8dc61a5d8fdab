"""The head of the page: how the job ended, what it did, and its totals."""

from __future__ import annotations

from runner.counting import many
from runner.report.report import Report
from runner.report.text import duration, moment, share, shown
from runner.workspace import FIGURES, Figure, JobStatus, Summary

_ICONS: dict[str, str] = {
    JobStatus.COMPLETED: "M3 8.5l3.2 3.2L13 5",
    JobStatus.FAILED: "M4 4l8 8M12 4l-8 8",
    JobStatus.CANCELED: "M4 8h8",
}
_OTHER_ICON = "M8 4v5M8 11.5v.5"


def header(report: Report) -> str:
    summary = report.summary
    done = f"{many(summary.rows, 'row')} from {many(summary.files, 'file')}"
    workers = len({attempt.worker for attempt in report.attempts})
    by = f" by {_of(report, workers)}" if workers else ""
    took = f"Scored {done} in {duration(summary.seconds)}{by}."
    if report.resumed:
        took += f" Taken up again {many(report.resumed, 'time')}."
    return headline("Batch job", summary.job, summary.status, report.started_at, took, report.error)


def headline(
    kind: str, name: str, status: str, began: str | None, lede: str, error: str | None
) -> str:
    """Return the head of a job's page; `lede` is HTML, the rest is text."""
    icon = _ICONS.get(status, _OTHER_ICON)
    alert = (
        f'<p class="error" role="alert"><b>Why it ended:</b> {shown(error, 2000)}</p>'
        if error
        else ""
    )
    return (
        f'<header><div class="eyebrow"><span class="status"><svg viewBox="0 0 16 16" '
        f'aria-hidden="true"><path d="{icon}"/></svg>{shown(status)}</span>'
        f"<span>{shown(kind)}</span>{moment(began) if began else ''}</div>"
        f'<h1>{shown(name)}</h1><p class="lede">{lede}</p>{alert}</header>'
    )


def _of(report: Report, workers: int) -> str:
    """Say how many workers had something to do, of those there might be."""
    if report.settings.get("engine") == "spark":
        return f"Spark in {many(workers, 'task')} side by side"
    allowed = int(report.settings.get("processes", workers))
    return (
        f"{workers:,} of {many(allowed, 'worker')}"
        if workers < allowed
        else many(workers, "worker")
    )


def totals(summary: Summary) -> str:
    cells = [
        (figure, value)
        for figure in sorted(FIGURES, key=lambda figure: figure.place)
        if (value := getattr(summary, figure.field)) is not None
    ]
    return '<dl class="totals" aria-label="Totals">{}</dl>'.format(
        "".join(
            f'<div class="{"" if figure.place else "first"}"><dt>{figure.title}</dt>'
            f'<dd class="{figure.colour if value else ""}">{_shown(figure, value, summary)}</dd>'
            "</div>"
            for figure, value in cells
        )
    )


def _shown(figure: Figure, value: float, summary: Summary) -> str:
    if figure.unit == "seconds":
        return duration(value)
    if figure.unit == "rows a second":
        return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"
    if figure.share_of and value:
        whole = getattr(summary, figure.share_of)
        return f"{value:,} <small>{share(int(value), whole)}</small>"
    return f"{value:,}"
