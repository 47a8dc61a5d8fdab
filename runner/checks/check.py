"""Checks a whole project, or one of its endpoints or models."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runner.checks import data, files, imports, limits, models, packages, scripts, serving, uploads
from runner.checks.choice import choose, names_in
from runner.checks.environments import with_environments
from runner.checks.finding import Finding, of_problem
from runner.checks.subject import subjects
from runner.declarations import lay_over, read_stack, survey_catalog
from runner.project import Project, stack_file

_SUBJECT_CHECKS = (
    files.check_subject,
    uploads.check_subject,
    scripts.check_subject,
    imports.check_subject,
    packages.check_subject,
    models.check_subject,
    data.check_subject,
    limits.check_subject,
    serving.check_subject,
)
_ASSET_CHECKS = (files.check_assets, uploads.check_assets, models.check_assets)


@dataclass(frozen=True)
class Report:
    """The findings, in the order of files and lines, and what could not be looked at."""

    findings: tuple[Finding, ...]
    unchecked: tuple[str, ...]


def check(project: Project, environment: str, name: str | None = None) -> Report:
    """Check all that a project declares, or what an endpoint, a model or its folder has.

    Nothing is run of the project, installed or sent; uv is asked what the environments come to.
    Problems of declarations are reported for all of them, whatever `name` is. Raises NotFound for a
    name that nothing has, DeclarationError where there is no `models` folder or the stack file is
    wrong.
    """
    catalog, problems = survey_catalog(project.models)
    found = [of_problem(problem, "declaration") for problem in problems]
    stack = stack_file(project, environment)
    if stack is not None and not problems:
        catalog = lay_over(catalog, read_stack(stack))
    if name and problems and name not in names_in(catalog):
        return Report(_sorted(found), ())  # what it means may be in a file that can't be read
    chosen = choose(catalog, name) if name else catalog
    for check_assets in _ASSET_CHECKS:
        found += check_assets(chosen)
    resolved = with_environments(list(subjects(chosen, project.home)), catalog, project.home)
    found += resolved.findings
    for subject in resolved.subjects:
        for check_subject in _SUBJECT_CHECKS:
            found += check_subject(subject)
    return Report(_sorted(found), resolved.unchecked)


def _sorted(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sort by file and line, each finding once: several deployments may share what is wrong."""

    def order(finding: Finding) -> tuple[str, int, str, str, str]:
        place = finding.place
        return str(place.file), place.line, finding.severity, finding.code, finding.text

    return tuple(sorted(set(found), key=order))
