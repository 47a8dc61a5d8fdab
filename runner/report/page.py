"""The page of a batch job: its sections in their order."""

from __future__ import annotations

from runner.engine.journal import Standing
from runner.report.facts import facts
from runner.report.failures import failures, searchable, troubles
from runner.report.files import rows_by_file
from runner.report.frame import asset, framed
from runner.report.header import header, totals
from runner.report.inputs import inputs
from runner.report.mini_batches import time_by_mini_batch
from runner.report.predictions import predictions
from runner.report.report import Report
from runner.report.warnings import warnings


def render(report: Report) -> str:
    """Make the page. It is under 1.5 MB."""
    summary, attempts = report.summary, report.attempts
    settled = Standing(attempts).counted()
    found = troubles(attempts, settled)
    sections = [
        totals(summary),
        predictions(report.tally, summary.rows),
        inputs(report.profile),
        rows_by_file(settled),
        time_by_mini_batch(attempts, settled, resumed=report.resumed > 0),
        failures(found, attempts, summary.failed_files or 0, report.error),
        warnings(attempts),
        facts(report),
    ]
    script = asset("page.js") if searchable(found) else ""
    return framed(summary.job, summary.status, header(report), sections, script)
