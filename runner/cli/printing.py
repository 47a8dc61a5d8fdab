"""Prints tables, details and JSON on stdout, and notes on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import click

from runner.tally import ONLY

if TYPE_CHECKING:
    from runner.venvs.interpreter import Interpreter
    from runner.workspace import Asset, EndpointInfo, Job, Origin, Summary

_GAP = 2
_STATUS_COLOURS = {"Completed": "green", "Failed": "red", "Canceled": "yellow"}
_NARROWEST = 8  # columns a cell keeps when a table is cut to the terminal
_MOST_LINES = 20  # of parameters, metrics or artifacts; -o json has them all
_MOST_SHARES = 5  # of the classes that one line names


def is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def styled(text: str, stream: TextIO, **style: Any) -> str:
    """Return the text in colour where the stream shows colour; `NO_COLOR` is obeyed."""
    if os.environ.get("NO_COLOR") or not is_terminal(stream):
        return text
    return click.style(text, **style)


def columns(stream: TextIO) -> int:
    """Return the width of the stream's terminal; 80 where it does not say."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def printable(text: str) -> str:
    """Return the text on one line, its control characters and odd bytes escaped."""
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii")
        for sign in text
    )


def near(path: str) -> str:
    """Return the path as it is shortest to type from here: relative where it lies below."""
    from pathlib import Path

    return path.removeprefix(f"{Path.cwd()}{os.sep}")


def nearer(text: str) -> str:
    """Return a sentence with its paths as they are shortest to type from here.

    A command of Pulumi's begins with the project's `scripts/pulumi` where no Pulumi is on PATH.
    """
    from pathlib import Path

    from runner.short_paths import shorten_paths

    text = shorten_paths(text, Path.cwd())
    return text.replace("`pulumi ", f"`{_pulumi()} ") if "`pulumi " in text else text


def _pulumi() -> str:
    import os
    import shlex
    import shutil
    from pathlib import Path

    here = Path.cwd()
    if shutil.which("pulumi") is None:
        for folder in (here, *here.parents):
            script = folder / "scripts" / "pulumi"
            if (folder / "Pulumi.yaml").is_file() and os.access(script, os.X_OK):
                path = os.path.relpath(script, here)
                return shlex.quote(path if "/" in path else f"./{path}")
    return "pulumi"


def width(text: str) -> int:
    """Return how many terminal columns the text takes."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(
        0 if combining(sign) else 2 if east_asian_width(sign) in "WF" else 1 for sign in text
    )


def cut(text: str, limit: int) -> str:
    """Return the text in at most `limit` columns, with two dots for the end that is cut off."""
    if width(text) <= limit:
        return text
    kept = text[: max(limit - 2, 0)]
    while width(kept) > limit - 2 and kept:
        kept = kept[:-1]
    return (kept + "..")[:limit]


def cut_in_front(text: str, limit: int) -> str:
    """Return the text in at most `limit` columns, with two dots for the beginning cut off."""
    if width(text) <= limit:
        return text
    kept = text[-max(limit - 2, 0) :]
    while width(kept) > limit - 2 and kept:
        kept = kept[1:]
    return (".." + kept)[:limit]


def moment(time: str) -> str:
    """Return an ISO 8601 time in UTC without fraction and offset: `2025-03-01 14:05:09`."""
    return time[:19].replace("T", " ")


def print_json(content: Any) -> None:
    import json

    print(json.dumps(content, indent=2))


def print_note(text: str) -> None:
    """Print one line on stderr that is no result: what happens now, what to do next."""
    print(printable(text), file=sys.stderr, flush=True)


def print_table(
    titles: Sequence[str], rows: Sequence[Sequence[object]], *, names: bool = False
) -> None:
    """Print rows under titles, in aligned columns, cut to the terminal where stdout is one.

    Titles that are `names` keep their ends, in which the names of jobs differ.
    """
    titles = [printable(title) for title in titles]  # some are names out of data
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [
        max(width(title), *(width(row[place]) for row in cells)) if cells else width(title)
        for place, title in enumerate(titles)
    ]
    if is_terminal(sys.stdout):
        widths = _fit(widths, columns(sys.stdout))
    if names:
        titles = [cut_in_front(title, limit) for title, limit in zip(titles, widths, strict=True)]
    right = [
        bool(rows) and all(isinstance(row[place], int | float) for row in rows)
        for place in range(len(titles))
    ]
    print(styled(_line(titles, widths, right), sys.stdout, bold=True))
    for row in cells:
        print(_line(row, widths, right))


def print_details(details: Mapping[str, object]) -> None:
    """Print a `name  value` a line; a value of several lines goes on under itself.

    A name without a value is left out.
    """
    shown = {name: value for name, value in details.items() if value not in (None, "", [])}
    longest = max(width(name) for name in shown)
    for name, value in shown.items():
        texts = value if isinstance(value, list) else [value]
        for place, text in enumerate(texts):
            label = (name if place == 0 else "").ljust(longest + _GAP)
            cell = _cell(text)
            if name == "status":
                cell = styled(cell, sys.stdout, fg=_STATUS_COLOURS.get(cell))
            print(f"{styled(label, sys.stdout, dim=True)}{cell}".rstrip())


def aligned(values: Mapping[str, str]) -> list[str]:
    """Return a line for each name and its value, no more than there is room for."""
    names = {name: printable(name) for name in values}
    longest = max((width(shown) for shown in names.values()), default=0)
    lines = [
        f"{names[name]}{' ' * (longest - width(names[name]))}  {value}"
        for name, value in values.items()
    ]
    return first_lines(lines)


def first_lines(lines: Sequence[str]) -> list[str]:
    """Return as many lines as there is room for, and how many more there are."""
    if len(lines) <= _MOST_LINES + 1:  # a line that says "1 more" would take its place
        return list(lines)
    return [*lines[:_MOST_LINES], f"… {len(lines) - _MOST_LINES:,} more, which -o json has"]


def print_summary(summary: Summary) -> None:
    print_details(summary_details(summary))


def summary_details(summary: Summary) -> dict[str, object]:
    """Return what a summary says, for people."""
    from runner.workspace import FIGURES

    details: dict[str, object] = {
        "job": summary.job,
        "status": summary.status,
        **{
            figure.name: _with_unit(value, figure.unit)
            for figure in FIGURES
            if figure.name and (value := getattr(summary, figure.field)) is not None
        },
    }
    if summary.columns or summary.predictions:
        details["predictions"] = _predictions(summary)
    details |= python_details(summary.interpreter)
    if summary.output:
        details["output"] = near(summary.output)
    if summary.report:
        details["report"] = near(summary.report)
    return details


def _with_unit(value: float, unit: str) -> str:
    if unit == "seconds":
        return f"{value:,.1f}"
    return f"{value:,.0f} {unit}" if unit == "rows a second" else f"{value:,}"


def print_job(job: Job, summary: Summary | None, tracked: Mapping[str, object]) -> None:
    """Print everything about a job; what it did or tracked, too, where that is known."""
    details: dict[str, object] = {
        "job": job.name,
        "status": job.status,
        "type": job.type,
        "endpoint": job.endpoint,
        "deployment": job.deployment,
        "model": job.model,
        "input": job.input,
        **python_details(job.interpreter),
        "created": _in_utc(job.created_at),
        "started": _in_utc(job.started_at),
        "ended": _in_utc(job.ended_at),
        "error": job.error and nearer(job.error),
        "folder": job.folder and near(job.folder),
        "output": job.output and near(job.output),
        "report": _report(job),
    }
    if summary:
        details |= summary_details(summary)
    details |= tracked
    print_details(details)


def python_details(interpreter: Interpreter | None) -> dict[str, object]:
    """Return which Python ran a job, where that is not simply the runner's own."""
    if interpreter is None or (interpreter.venv is None and not interpreter.others):
        return {}
    from runner.jobs.interpreter import told_others, told_python

    details: dict[str, object] = {"python": nearer(told_python(interpreter))}
    if interpreter.others:
        details["other versions"] = first_lines(told_others(interpreter.others))
    return details


def _report(job: Job) -> str | None:
    """Return the path of the job's page, once it is written."""
    from pathlib import Path

    page = Path(job.folder, "report.html") if job.folder else None
    return near(str(page)) if page and page.exists() else None


def print_jobs(jobs: Sequence[Job]) -> None:
    print_table(
        ["job", "type", "status", "created (UTC)", "endpoint", "deployment", "model"],
        [
            [
                job.name,
                job.type,
                job.status,
                moment(job.created_at),
                job.endpoint,
                job.deployment,
                _short_reference(job.model),
            ]
            for job in jobs
        ],
    )


def print_asset(asset: Asset) -> None:
    details: dict[str, object] = {
        "name": asset.name,
        "version": asset.version,
        "reference": asset.reference,
        "type": asset.type,
        "created": _in_utc(asset.created_at),
        "stage": asset.stage,
        "job": asset.job,
        **(_origin(asset.origin) if asset.origin else {}),
        "description": asset.description,
        "tags": [f"{key}={value}" for key, value in asset.tags.items()],
        "properties": [f"{key}={value}" for key, value in asset.properties.items()],
        "hash": asset.content_hash,
        "path": asset.path,
    }
    print_details(details)


def _origin(origin: Origin) -> dict[str, object]:
    return {
        "run": origin.run,
        "commit": origin.commit,
        "data": aligned(origin.data),
        "metrics": aligned({name: f"{value:.6g}" for name, value in origin.metrics.items()}),
    }


def print_assets(assets: Sequence[Asset]) -> None:
    print_table(
        ["name", "version", "type", "created (UTC)", "description"],
        [
            [asset.name, asset.version, asset.type, moment(asset.created_at), asset.description]
            for asset in assets
        ],
    )


def print_endpoint(endpoint: EndpointInfo) -> None:
    details: dict[str, object] = {
        "name": endpoint.name,
        "kind": endpoint.kind,
        "default": endpoint.default,
        "state": endpoint.state,
        "scoring URI": endpoint.scoring_uri,
        "description": endpoint.description,
    }
    print_details(details)
    print()
    online = endpoint.kind == "online"
    print_table(
        ["deployment", "model", "driver", "traffic %" if online else "default"],
        [
            [
                deployment.name,
                _short_reference(deployment.model),
                deployment.driver,
                deployment.traffic if online else "yes" if deployment.default else "",
            ]
            for deployment in endpoint.deployments
        ],
    )


def print_endpoints(endpoints: Sequence[EndpointInfo]) -> None:
    print_table(
        ["endpoint", "kind", "deployments", "description"],
        [
            [
                endpoint.name,
                endpoint.kind,
                ", ".join(
                    f"{deployment.name} (default)"
                    if deployment.name == endpoint.default
                    else deployment.name
                    for deployment in endpoint.deployments
                ),
                endpoint.description,
            ]
            for endpoint in endpoints
        ],
    )


def _in_utc(time: str | None) -> str | None:
    return f"{moment(time)} UTC" if time else None


def _short_reference(reference: str | None) -> str:
    return (reference or "").removeprefix("azureml:")


def _predictions(summary: Summary) -> list[str]:
    """Return a line for each class, or for the figures; of several columns a line for each."""
    columns = summary.columns or {ONLY: {"classes": summary.predictions}}
    if columns.keys() == {ONLY}:
        column = columns[ONLY]
        classes = column.get("classes")
        return _shares(classes) if classes else [_figures(column)]
    names = {name: printable(name) for name in columns}
    longest = max(map(width, names.values()))
    return [
        f"{names[name]}{' ' * (longest - width(names[name]))}  {_in_one_line(column)}"
        for name, column in columns.items()
    ]


def _shares(classes: Mapping[str, int]) -> list[str]:
    """Return a line for each class: how many rows, and their share."""
    total = sum(classes.values()) or 1
    names = {name: printable(name) for name in classes}
    longest = max(width(name) for name in names.values())
    most = max(len(f"{count:,}") for count in classes.values())
    return [
        f"{names[name]}{' ' * (longest - width(names[name]))}  {f'{count:,}':>{most}}"
        f"  {count / total:6.1%}"
        for name, count in classes.items()
    ]


def _in_one_line(column: Mapping[str, Any]) -> str:
    """Return the most frequent classes with their shares, or the figures."""
    classes: Mapping[str, int] | None = column.get("classes")
    if classes is None:
        return _figures(column)
    total = sum(classes.values()) or 1
    ranked = sorted(classes.items(), key=lambda item: -item[1])
    shown = [f"{printable(name)} {count / total:.1%}" for name, count in ranked[:_MOST_SHARES]]
    more = len(ranked) - len(shown)
    return ", ".join(shown) + (f", {more} more" if more else "")


def _figures(column: Mapping[str, Any]) -> str:
    return "  ".join(f"{name} {_number(column[name])}" for name in ("min", "median", "mean", "max"))


def _number(value: float) -> str:
    """Return a figure to six digits, whole numbers with all of theirs."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.6g}" if abs(value) < 1e6 or abs(value) >= 1e15 else f"{value:,.0f}"


def _cell(value: object) -> str:
    return "" if value is None else printable(str(value))


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    texts = []
    for cell, limit, to_right in zip(cells, widths, right, strict=True):
        text = cut(cell, limit)
        space = " " * (limit - width(text))
        texts.append(space + text if to_right else text + space)
    return (" " * _GAP).join(texts).rstrip()


def _fit(widths: Sequence[int], limit: int) -> list[int]:
    """Narrow the widest columns until the line fits, none below what is still readable.

    The first stays whole: it is the name that the next command takes.
    """
    first, *others = widths
    room = limit - first - _GAP * len(others)
    while sum(others) > room and max(others) > _NARROWEST:
        others[others.index(max(others))] -= 1
    return [first, *others]
