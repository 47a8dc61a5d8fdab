"""The page as a whole: its sections in order, its style, its script and what it forbids."""

from __future__ import annotations

from pathlib import Path

from runner.local.engine.journal import Standing
from runner.local.report.facts import facts
from runner.local.report.failures import failures, searchable, troubles
from runner.local.report.files import rows_by_file
from runner.local.report.header import header, totals
from runner.local.report.mini_batches import time_by_mini_batch
from runner.local.report.predictions import predictions
from runner.local.report.report import Report
from runner.local.report.text import shown
from runner.local.report.warnings import warnings


def render(report: Report) -> str:
    """Make the page. It is valid UTF-8 whatever the names in it hold, and under 1.5 MB."""
    summary, attempts = report.summary, report.attempts
    settled = Standing(attempts).counted()
    found = troubles(attempts, settled)
    script = _asset("page.js") if searchable(found) else ""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(script)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{shown(f'{summary.job} · {summary.status}')}</title>",
            f"<style>{_asset('page.css')}</style>",
            f'<body class="{shown(summary.status)}"><div class="wrap">',
            header(report),
            "<main>",
            totals(summary),
            predictions(report.tally, summary.rows),
            rows_by_file(settled),
            time_by_mini_batch(attempts, settled, resumed=report.resumed > 0),
            failures(found, attempts, summary.failed_files or 0, report.error),
            warnings(attempts),
            facts(report),
            "</main></div>",
            f"<script>{script}</script>" if script else "",
            "</body></html>\n",
        ]
    )


def _asset(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    """Forbid every request; allow this very script, if there is one."""
    rules = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    if script:
        import binascii
        import hashlib

        digest = hashlib.sha256(script.encode()).digest()
        rules += f"script-src 'sha256-{binascii.b2a_base64(digest, newline=False).decode()}'; "
    return rules + "base-uri 'none'; form-action 'none'"
