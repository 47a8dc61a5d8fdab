"""`runner check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runner.cli.options import Command, Session, checked_names, common, format_option, pass_session

if TYPE_CHECKING:
    from runner.checks.finding import Finding


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  runner check
  runner check diabetes-batch
  runner check --env prod -o json""",
)
@click.argument("name", metavar="[ENDPOINT|MODEL]", required=False, shell_complete=checked_names)
@format_option("table", "json")
@common
@pass_session
def check(session: Session, name: str | None, format_: str) -> int:
    """Check whether what is declared would run on Azure.

    Reads declarations, scripts, models' descriptions and the headers of data, and asks uv what the
    declared environments come to. Nothing is scored, installed or sent, and no code is run. One
    line says what is wrong and the way out. Without a name: every endpoint, model and job. The
    exit status is 1 where something fails on Azure, and 0 where there are only warnings.
    """
    from runner.checks.check import check as find
    from runner.cli.printing import nearer, print_json, print_note
    from runner.project import find_project

    report = find(find_project(), session.environment, name)
    if format_ == "json":
        print_json([_record(finding) for finding in report.findings])
    else:
        for finding in report.findings:
            _print(finding)
    for line in report.unchecked:
        print_note(nearer(line))
    errors = sum(finding.severity == "error" for finding in report.findings)
    if format_ != "json":
        print_note(_summary(errors, len(report.findings) - errors, bool(report.unchecked)))
    return 1 if errors else 0


def _record(finding: Finding) -> dict[str, object]:
    return {
        "file": str(finding.place.file),
        "line": finding.place.line or None,
        "code": finding.code,
        "severity": finding.severity,
        "text": finding.text,
    }


def _print(finding: Finding) -> None:
    from runner.cli.printing import nearer, printable

    mark = "" if finding.severity == "error" else "warning: "
    print(printable(nearer(f"{finding.place}: {mark}{finding.text}")))


def _summary(errors: int, warnings: int, incomplete: bool) -> str:
    from runner.counting import many

    if not errors and not warnings:
        looked_at = " in what could be checked" if incomplete else ""
        return f"nothing was found that would fail on Azure{looked_at}"
    parts = [(errors, "error"), (warnings, "warning")]
    return ", ".join(many(count, noun) for count, noun in parts if count)
