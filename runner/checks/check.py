"""Everything that is found, of a whole project or of one of its endpoints or models."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from runner.checks import data, files, imports, limits, models, packages, scripts, uploads
from runner.checks.finding import Finding, error, warning
from runner.checks.resolution import Resolution, resolve
from runner.checks.subject import Subject, subjects
from runner.declarations import (
    BatchDeployment,
    Catalog,
    DeclarationError,
    OnlineDeployment,
    lay_over,
    read_stack,
    survey_catalog,
)
from runner.declarations.deployment import Deployment
from runner.declarations.document import read_document
from runner.errors import NotFound
from runner.nearest import nearest
from runner.project import Project, stack_file
from runner.venvs.conda_file import read_conda
from runner.venvs.environment import DeclaredEnvironment
from runner.venvs.reading import declared_environment

_OF_SUBJECTS = (
    files.of_subject,
    uploads.of_subject,
    scripts.of_subject,
    imports.of_subject,
    packages.of_subject,
    models.of_subject,
    data.of_subject,
    limits.of_subject,
)
_OF_ASSETS = (files.of_assets, uploads.of_assets, models.of_assets)
_AT_ONCE = 4  # questions to uv

D = TypeVar("D", BatchDeployment, OnlineDeployment)


@dataclass(frozen=True)
class Report:
    """What was found, in the order of files and lines, and what could not be looked at."""

    findings: tuple[Finding, ...]
    unchecked: tuple[str, ...]


def check(project: Project, environment: str, name: str | None = None) -> Report:
    """Check all that a project declares, or what an endpoint, a model or its folder has.

    Nothing is run of the project, installed or sent; uv is asked what the environments come to.
    Raises NotFound for a name that nothing has, DeclarationError where there is no `models` folder
    or the environment's stack file is wrong.
    """
    catalog, problems = survey_catalog(project.models)
    stack = stack_file(project, environment)
    if stack is not None and not problems:
        catalog = lay_over(catalog, read_stack(stack))
    found = [error(one.place, "declaration", _told(one.key, one.text)) for one in problems]
    chosen = _chosen(catalog, name, bool(problems)) if name else catalog
    for of_assets in _OF_ASSETS:
        found += of_assets(chosen)
    looked_at, of_environments, unchecked = _with_environments(
        list(subjects(chosen)), catalog, project.home
    )
    found += of_environments
    for subject in looked_at:
        for of_subject in _OF_SUBJECTS:
            found += of_subject(subject)
    return Report(_sorted(found), unchecked)


def _told(key: str, text: str) -> str:
    return f"{key}: {text}" if key else text


def _sorted(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each finding once: several deployments may share what is wrong."""
    order = {
        (str(one.place.file), one.place.line, one.severity, one.code, one.text): one
        for one in found
    }
    return tuple(order[key] for key in sorted(order))


def _chosen(catalog: Catalog, name: str, incomplete: bool) -> Catalog:
    """The part of a catalog that an endpoint's name means, or a model's, or its folder's.

    Of an endpoint it is what its deployments use, too.
    """
    in_folder = {model.name for model in catalog.models.values() if model.file.parent.name == name}
    names = in_folder | ({name} & catalog.models.keys())
    batch = _deployments(catalog.batch_deployments, name, names)
    online = _deployments(catalog.online_deployments, name, names)
    endpoints = catalog.batch_endpoints.keys() | catalog.online_endpoints.keys()
    folders = {model.file.parent.name for model in catalog.models.values()} | catalog.jobs.keys()
    if name not in endpoints | catalog.models.keys() | folders and not incomplete:
        raise NotFound(
            f"no endpoint or model {name!r} is declared"
            + nearest(name, endpoints | catalog.models.keys() | folders)
        )
    deployments: list[Deployment] = [
        *(one for group in batch.values() for one in group.values()),
        *(one for group in online.values() for one in group.values()),
    ]
    used = names | {getattr(one.model, "name", None) for one in deployments}
    beside = {one.file.parent for one in deployments} | {catalog.folder / name}
    return replace(
        catalog,
        models={key: model for key, model in catalog.models.items() if key in used},
        data={key: one for key, one in catalog.data.items() if one.file.parent in beside},
        environments={
            key: one for key, one in catalog.environments.items() if one.file.parent in beside
        },
        batch_deployments=batch,
        online_deployments=online,
        jobs={key: jobs for key, jobs in catalog.jobs.items() if key == name},
    )


def _deployments(
    declared: Mapping[str, Mapping[str, D]], endpoint: str, models: Collection[str | None]
) -> dict[str, dict[str, D]]:
    """Those of an endpoint, and those of one of the models."""
    return {
        name: {
            key: one
            for key, one in deployments.items()
            if name == endpoint or getattr(one.model, "name", None) in models
        }
        for name, deployments in declared.items()
    }


def _with_environments(
    bare: Sequence[Subject], catalog: Catalog, home: Path
) -> tuple[list[Subject], list[Finding], tuple[str, ...]]:
    """The subjects with what their environments ask for and come to, and what is wrong in that."""
    findings: list[Finding] = []
    wanted: list[DeclaredEnvironment | None] = []
    for subject in bare:
        try:
            wanted.append(_wanted(subject, catalog))
        except DeclarationError as problem:
            wanted.append(None)
            findings += [
                error(one.place, "conda-file", _told(one.key, one.text))
                for one in problem.problems
                if one.place.file.exists()  # else `files` says so
            ]
    different = {_identity(one): one for one in wanted if one is not None}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = dict(
            zip(
                different, pool.map(lambda one: resolve(one, home), different.values()), strict=True
            )
        )
    unchecked = []
    for key, answer in answers.items():
        findings += _unresolved(different[key], answer)
        if answer.unknown is not None:
            unchecked.append(
                f"packages of {different[key].source} are not checked: {answer.unknown}"
            )
    complete = [
        replace(
            subject,
            wanted=one,
            resolved=answers[_identity(one)].versions if one is not None else None,
            unbuilt=answers[_identity(one)].unbuilt if one is not None else (),
        )
        for subject, one in zip(bare, wanted, strict=True)
    ]
    return complete, findings, tuple(sorted(unchecked))


def _identity(wanted: DeclaredEnvironment) -> tuple[object, ...]:
    return (wanted.source, wanted.python, wanted.requirements, wanted.constraints, wanted.options)


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


def _unresolved(wanted: DeclaredEnvironment, answer: Resolution) -> Iterator[Finding]:
    if answer.refusal is None:
        return
    place = packages.parse_place(answer.place or wanted.source)
    way = "change the versions"
    if answer.sure:
        yield error(
            place, "unresolved", f"the packages can't be installed: {answer.refusal}; {way}"
        )
    else:
        text = f"PyPI can't give these packages, and conda may: {answer.refusal}; {way} if it can't"
        yield warning(place, "unresolved", text)
