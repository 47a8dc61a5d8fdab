"""The section of the facts: what was run on what, its settings, how to read its predictions."""

from __future__ import annotations

from runner.counting import many
from runner.jobs.interpreter import told_others, told_python
from runner.predictions import READING
from runner.report.report import Report
from runner.report.section import section
from runner.report.text import escape, moment, shown
from runner.venvs.interpreter import Interpreter


def facts(report: Report) -> str:
    named = [
        ("Endpoint", report.endpoint),
        ("Deployment", report.deployment),
        ("Model", report.model),
        ("Input", report.input),
        ("Output", report.summary.output),
    ]
    listed = [(name, f'<span class="mono">{shown(value)}</span>') for name, value in named if value]
    if report.started_at:
        listed.append(("Started", moment(report.started_at)))
    if report.ended_at:
        listed.append(("Ended", moment(report.ended_at)))
    listed += python_facts(report.summary.interpreter)
    if report.resumed:
        listed.append(("Taken up again", many(report.resumed, "time")))
    items = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in listed)
    content = f'<dl class="facts">{items}</dl>{_reading(report)}{_settings(report)}'
    return section("How it was run", [], content)


def python_facts(interpreter: Interpreter | None) -> list[tuple[str, str]]:
    """Return which Python ran a job, and which of its packages have undeclared versions."""
    if interpreter is None:
        return []
    facts = {
        "Python": shown(told_python(interpreter)),
        "Other versions": "<br>".join(map(shown, told_others(interpreter.others))),
    }
    return [(name, f'<span class="mono">{value}</span>') for name, value in facts.items() if value]


def _settings(report: Report) -> str:
    items = "".join(
        f"<dt>{shown(key)}</dt><dd>{shown(value)}</dd>" for key, value in report.settings.items()
    )
    return f'<h3>Settings</h3><dl class="facts mono">{items}</dl>' if items else ""


def _reading(report: Report) -> str:
    """Return the lines of Python that read the predictions; none where a script wrote its own."""
    output = report.summary.output
    if output is None or report.settings.get("output_action") == "summary_only":
        return ""
    lines = READING if report.columns else ('sep=" ",', "header=None,")
    how = "\n".join(f"    {line}" for line in lines)
    code = f"import pandas as pd\n\npredictions = pd.read_csv(\n    {output!r},\n{how}\n)"
    return f"<h3>Read the predictions</h3><pre><code>{escape(code)}</code></pre>"
