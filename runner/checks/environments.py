"""Finds what the environments of deployments and jobs ask for, and asks uv what they come to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from runner.checks.finding import Finding, error, of_problem, warning
from runner.checks.packages import parse_place
from runner.checks.resolution import Resolution, resolve
from runner.checks.subject import Subject
from runner.declarations import Catalog, DeclarationError
from runner.declarations.document import read_document
from runner.venvs.conda_file import read_conda
from runner.venvs.environment import DeclaredEnvironment
from runner.venvs.reading import declared_environment

_AT_ONCE = 4  # questions to uv


@dataclass(frozen=True)
class Resolved:
    """The subjects with their environments, what is wrong in these, and what nobody could ask."""

    subjects: tuple[Subject, ...]
    findings: tuple[Finding, ...]
    unchecked: tuple[str, ...]


def with_environments(subjects: Sequence[Subject], catalog: Catalog, home: Path) -> Resolved:
    """Read the environment of each subject, and ask uv about every different one, once."""
    findings: list[Finding] = []
    different: dict[tuple[object, ...], DeclaredEnvironment] = {}
    wanted: list[DeclaredEnvironment | None] = []
    for subject in subjects:
        asked = None
        try:
            asked = _wanted(subject, catalog)
        except DeclarationError as refused:
            findings += _unreadable(refused)
        wanted.append(asked)
        if asked is not None:
            different.setdefault(_key(asked), asked)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        resolved = pool.map(lambda asked: resolve(asked, home), different.values())
        answers = dict(zip(different, resolved, strict=True))
    unchecked = []
    for key, answer in answers.items():
        findings += _unresolved(different[key], answer)
        if answer.unknown is not None:
            source = different[key].source
            unchecked.append(f"packages of {source} are not checked: {answer.unknown}")
    complete = [
        subject if asked is None else _complete(subject, asked, answers[_key(asked)])
        for subject, asked in zip(subjects, wanted, strict=True)
    ]
    return Resolved(tuple(complete), tuple(findings), tuple(sorted(unchecked)))


def _wanted(subject: Subject, catalog: Catalog) -> DeclaredEnvironment | None:
    """Return what Azure would install for a subject; None where that can't be known.

    For a model that is deployed as it is, that is its conda.yaml: Azure reads no other file.
    """
    own = subject.environment
    if own is not None:
        if own.conda_file is None:
            return None
        return declared_environment(own, catalog.environments, None, subject.name)
    if subject.only_azure_knows or subject.has_script or subject.mlmodel is None:
        return None
    conda = subject.mlmodel.folder / "conda.yaml"
    if conda.is_file():
        return read_conda(read_document(conda), str(conda))
    return declared_environment(None, {}, subject.mlmodel.folder, subject.name)


def _complete(subject: Subject, wanted: DeclaredEnvironment, answer: Resolution) -> Subject:
    return replace(subject, wanted=wanted, resolved=answer.versions, unbuilt=answer.unbuilt)


def _key(wanted: DeclaredEnvironment) -> tuple[object, ...]:
    return (wanted.source, wanted.python, wanted.requirements, wanted.constraints, wanted.options)


def _unreadable(refused: DeclarationError) -> list[Finding]:
    """Return what is wrong in a conda file that is there; `files` reports a missing one."""
    return [
        of_problem(problem, "conda-file")
        for problem in refused.problems
        if problem.place.file.exists()
    ]


def _unresolved(wanted: DeclaredEnvironment, answer: Resolution) -> Iterator[Finding]:
    if answer.refusal is None:
        return
    place = parse_place(answer.place or wanted.source)
    if answer.sure:
        text = f"the packages can't be installed: {answer.refusal}; change the versions"
        yield error(place, "unresolved", text)
    else:
        text = (
            f"PyPI can't give these packages, and conda may: {answer.refusal}; change the versions"
            " if it can't"
        )
        yield warning(place, "unresolved", text)
