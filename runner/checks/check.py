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

_OF_SUBJECTS = (
    files.of_subject,
    uploads.of_subject,
    scripts.of_subject,
    imports.of_subject,
    packages.of_subject,
    models.of_subject,
    data.of_subject,
    limits.of_subject,
    serving.of_subject,
)
_OF_ASSETS = (files.of_assets, uploads.of_assets, models.of_assets)


@dataclass(frozen=True)
class Report:
    """The findings, in the order of files and lines, and what could not be looked at."""

    findings: tuple[Finding, ...]
    unchecked: tuple[str, ...]


def check(project: Project, environment: str, name: str | None = None) -> Report:
    """Check all that a project declares, or what an endpoint, a model or its folder has.

    Nothing is run of the project, installed or sent; uv is asked what the environments come to.
    What is wrong in declarations is found in all of them. Raises NotFound for a name that nothing
    has, DeclarationError where there is no `models` folder or the stack file is wrong.
    """
    catalog, problems = survey_catalog(project.models)
    found = [of_problem(problem, "declaration") for problem in problems]
    stack = stack_file(project, environment)
    if stack is not None and not problems:
        catalog = lay_over(catalog, read_stack(stack))
    if name and problems and name not in names_in(catalog):
        return Report(_sorted(found), ())  # what it means may be in a file that can't be read
    chosen = choose(catalog, name) if name else catalog
    for of_assets in _OF_ASSETS:
        found += of_assets(chosen)
    resolved = with_environments(list(subjects(chosen, project.home)), catalog, project.home)
    found += resolved.findings
    for subject in resolved.subjects:
        for of_subject in _OF_SUBJECTS:
            found += of_subject(subject)
    return Report(_sorted(found), resolved.unchecked)


def _sorted(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sort by file and line, each finding once: several deployments may share what is wrong."""

    def order(finding: Finding) -> tuple[str, int, str, str, str]:
        place = finding.place
        return str(place.file), place.line, finding.severity, finding.code, finding.text

    return tuple(sorted(set(found), key=order))
