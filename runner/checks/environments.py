"""What the environments of deployments and jobs ask for, and what uv says that they come to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from runner.checks.finding import Finding, error, warning
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
    wanted: list[DeclaredEnvironment | None] = []
    for subject in subjects:
        try:
            wanted.append(_wanted(subject, catalog))
        except DeclarationError as refused:
            wanted.append(None)
            findings += _unreadable(refused)
    answers = _ask({_key(asked): asked for asked in wanted if asked is not None}, home)
    for asked, answer in answers.values():
        findings += _unresolved(asked, answer)
    return Resolved(
        tuple(
            subject if asked is None else _complete(subject, asked, answers[_key(asked)][1])
            for subject, asked in zip(subjects, wanted, strict=True)
        ),
        tuple(findings),
        tuple(
            sorted(
                f"packages of {asked.source} are not checked: {answer.unknown}"
                for asked, answer in answers.values()
                if answer.unknown is not None
            )
        ),
    )


def _wanted(subject: Subject, catalog: Catalog) -> DeclaredEnvironment | None:
    """What Azure would install for a subject; None where that can't be known.

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


def _ask(
    different: dict[tuple[object, ...], DeclaredEnvironment], home: Path
) -> dict[tuple[object, ...], tuple[DeclaredEnvironment, Resolution]]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = pool.map(lambda asked: resolve(asked, home), different.values())
        return {
            key: (asked, answer)
            for (key, asked), answer in zip(different.items(), answers, strict=True)
        }


def _complete(subject: Subject, wanted: DeclaredEnvironment, answer: Resolution) -> Subject:
    return replace(subject, wanted=wanted, resolved=answer.versions, unbuilt=answer.unbuilt)


def _key(wanted: DeclaredEnvironment) -> tuple[object, ...]:
    return (wanted.source, wanted.python, wanted.requirements, wanted.constraints, wanted.options)


def _unreadable(refused: DeclarationError) -> Iterator[Finding]:
    for problem in refused.problems:
        if problem.place.file.exists():  # else `files` says so
            text = f"{problem.key}: {problem.text}" if problem.key else problem.text
            yield error(problem.place, "conda-file", text)


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
