"""The page of a training job: what its MLflow run tracked, with a chart for each curve."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from runner.counting import many
from runner.report.charts import base_line, drawing, tick, tick_number, tick_values
from runner.report.facts import python_facts
from runner.report.frame import framed
from runner.report.header import headline
from runner.report.section import section
from runner.report.text import duration, moment, number, shown
from runner.workspace import Job, LoggedModel, Metric, Point, Run

_MOST_CHARTS = 24
_MOST_ROWS = 500  # of a table; the run has the rest
_HEIGHT = 130.0  # pixels of a chart


def render_training(job: Job, run: Run | None) -> str:
    """Make the page of a job that trains, with what it tracked, if anything; under 1.5 MB."""
    return framed(job.name, job.status, _header(job), _sections(job, run))


def _header(job: Job) -> str:
    took = ""
    if job.started_at and job.ended_at:
        began, ended = map(datetime.fromisoformat, (job.started_at, job.ended_at))
        took = f"Ran for {duration((ended - began).total_seconds())}."
    return headline("Training job", job.name, job.status, job.started_at, took, job.error)


def _sections(job: Job, run: Run | None) -> list[str]:
    """Return the sections in their order; those with nothing to show are left out."""
    if run is None:
        return [section("Nothing tracked", ["The job has no MLflow run."], _facts(job, None))]
    return [
        _metrics(run.metrics),
        _curves(run.metrics),
        _table("Parameters", "Parameter", run.parameters),
        _models(job, run.models),
        _artifacts(run.artifacts),
        section("How it was run", [], _facts(job, run)),
    ]


def _metrics(metrics: Mapping[str, Metric]) -> str:
    shown_values = {name: _value(metric.value) for name, metric in metrics.items()}
    return _table("Metrics", "Metric", shown_values, "The last value of each.")


def _table(title: str, heading: str, values: Mapping[str, str], note: str = "") -> str:
    if not values:
        return ""
    rows = [
        f'<tr><td class="mono">{shown(name)}</td><td class="mono">{shown(value)}</td></tr>'
        for name, value in list(values.items())[:_MOST_ROWS]
    ]
    more = _more(len(values) - _MOST_ROWS, heading.lower())
    return section(
        title,
        [note],
        f'<table class="list tracked"><thead><tr><th scope="col">{heading}</th>'
        f'<th scope="col">Value</th></tr></thead><tbody>{"".join(rows)}</tbody></table>{more}',
    )


def _curves(metrics: Mapping[str, Metric]) -> str:
    """Draw a chart for each metric that has more than one value which can be drawn."""
    drawn = {
        name: points
        for name, metric in metrics.items()
        if len(points := [point for point in metric.curve if math.isfinite(point.value)]) > 1
    }
    if not drawn:
        return ""
    charts = [
        f"<h3>{shown(name)}</h3>{_chart(name, points)}"
        for name, points in list(drawn.items())[:_MOST_CHARTS]
    ]
    more = _more(len(drawn) - _MOST_CHARTS, "curve")
    notes = ["By step. Long curves are thinned."]
    return section("Curves", notes, f"{''.join(charts)}{more}")


def _chart(name: str, points: Sequence[Point]) -> str:
    low, high = min(point.value for point in points), max(point.value for point in points)
    if low == high:  # in the middle, where it is told from the axis
        low, high = low - (abs(low) / 2 or 1.0), high + (abs(high) / 2 or 1.0)
    first, last = points[0].step, points[-1].step
    span, steps = high - low, (last - first) or 1
    top, floor = 6.0, 6.0 + _HEIGHT

    def across(step: int) -> float:
        return 100 * (step - first) / steps

    def down(value: float) -> float:
        return top + _HEIGHT * (1 - (value - low) / span)

    parts = []
    values = tick_values(low, high, 4)
    for value in values:
        y = down(value)
        parts.append(
            f'<line class="grid" x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="-10" y="{y + 4:.1f}" text-anchor="end">{tick_number(value)}</text>'
        )
    # A drawing of its own, whose units are percent across: paths know no percentages.
    path = " ".join(f"{across(point.step):.3f},{down(point.value):.2f}" for point in points)
    parts.append(
        f'<svg width="100%" height="{floor}" viewBox="0 0 100 {floor}" '
        f'preserveAspectRatio="none"><polyline class="curve" points="{path}"/></svg>'
    )
    parts.append(base_line(floor))
    for step in tick_values(first, last, 5):
        if step == int(step):
            parts.append(tick(across(int(step)), floor + 18, tick_number(step)))
    label = (
        f"{shown(name)} over {many(last - first, 'step')}: from {number(points[0].value)} to "
        f"{number(points[-1].value)}"
    )
    gutter = 12 + 7.2 * max((len(tick_number(value)) for value in values), default=1)
    return drawing("chart", label, floor + 24, gutter, parts)


def _models(job: Job, models: Sequence[LoggedModel]) -> str:
    if not models:
        return ""
    rows = [
        f'<tr><td class="mono">{shown(model.name)}</td>'
        f'<td class="mono">{shown(", ".join(model.flavors))}</td></tr>'
        for model in models
    ]
    artifact, which = shlex.quote(models[0].name), "it" if len(models) == 1 else "one"
    command = f"runner models register --from-job {job.name} --artifact {artifact} --name NAME"
    return section(
        "Models",
        [],
        '<table class="list tracked"><thead><tr><th scope="col">Logged model</th>'
        f'<th scope="col">Flavors</th></tr></thead><tbody>{"".join(rows)}</tbody></table>'
        f"<h3>Register {which}</h3><pre><code>{shown(command)}</code></pre>",
    )


def _artifacts(artifacts: Sequence[str]) -> str:
    if not artifacts:
        return ""
    rows = "".join(
        f'<tr><td class="mono">{shown(path)}</td></tr>' for path in artifacts[:_MOST_ROWS]
    )
    more = _more(len(artifacts) - _MOST_ROWS, "artifact")
    return section(
        "Artifacts", [], f'<table class="list tracked"><tbody>{rows}</tbody></table>{more}'
    )


def _facts(job: Job, run: Run | None) -> str:
    facts = [("Model folder", job.model), ("Output", job.output)]
    if run is not None:
        facts += [
            ("Experiment", run.experiment),
            ("Run", f"{run.name} ({run.id})"),
            ("Commit", run.commit),
            *((f"Input {name}", read) for name, read in run.inputs.items()),
            *((f"Tag {name}", value) for name, value in run.tags.items()),
            ("Child runs", ", ".join(run.children)),
        ]
    listed = [(name, f'<span class="mono">{shown(value)}</span>') for name, value in facts if value]
    listed += python_facts(job.interpreter)
    if job.started_at:
        listed.append(("Started", moment(job.started_at)))
    if job.ended_at:
        listed.append(("Ended", moment(job.ended_at)))
    return _definitions(listed)


def _definitions(listed: Iterable[tuple[str, str]]) -> str:
    items = "".join(f"<dt>{shown(name)}</dt><dd>{value}</dd>" for name, value in listed)
    return f'<dl class="facts">{items}</dl>'


def _value(value: float) -> str:
    return number(value) if math.isfinite(value) else str(value)


def _more(count: int, noun: str) -> str:
    return (
        f'<p class="more">{many(count, f"more {noun}")}, which the run has.</p>'
        if count > 0
        else ""
    )
