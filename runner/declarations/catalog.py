"""Reads everything that is declared under a `models/` folder."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from runner.declarations.batch import BatchDeployment, BatchEndpoint
from runner.declarations.data import Data
from runner.declarations.document import MAX_BYTES, MappingNode, Node, read_document
from runner.declarations.environment import Environment
from runner.declarations.job import Job, OtherJob, ProgramJob, name_of
from runner.declarations.kinds import KINDS, Declaration, declaration_from, is_component, kind_of
from runner.declarations.model import Model
from runner.declarations.online import OnlineDeployment, OnlineEndpoint
from runner.declarations.pipeline_deployment import PipelineDeployment
from runner.declarations.problem import DeclarationError, Place, Problem
from runner.declarations.reader import joined
from runner.declarations.schedule import Schedule
from runner.nearest import nearest
from runner.venvs.interpreter import EnvManager

ENDPOINTS = "scoring:endpoints"  # where a stack file says what an endpoint has there

T = TypeVar("T", bound=Declaration)
D = TypeVar("D", BatchDeployment, PipelineDeployment, OnlineDeployment)


@dataclass(frozen=True)
class Catalog:
    """The declarations of a `models/` folder, by name; an endpoint's by the endpoint, then by name.

    Jobs are by folder, then by what `name_of` calls them.
    """

    folder: Path
    models: Mapping[str, Model] = field(default_factory=dict)
    data: Mapping[str, Data] = field(default_factory=dict)
    environments: Mapping[str, Environment] = field(default_factory=dict)
    batch_endpoints: Mapping[str, BatchEndpoint] = field(default_factory=dict)
    batch_deployments: Mapping[str, Mapping[str, BatchDeployment]] = field(default_factory=dict)
    pipeline_deployments: Mapping[str, Mapping[str, PipelineDeployment]] = field(
        default_factory=dict
    )
    online_endpoints: Mapping[str, OnlineEndpoint] = field(default_factory=dict)
    online_deployments: Mapping[str, Mapping[str, OnlineDeployment]] = field(default_factory=dict)
    schedules: Mapping[str, Mapping[str, Schedule]] = field(default_factory=dict)  # the stack's
    jobs: Mapping[str, Mapping[str, Job]] = field(default_factory=dict)  # by model folder
    default_endpoint: str | None = None  # the stack's scoring:defaultEndpoint
    env_manager: EnvManager | None = None  # and its scoring:envManager

    def batch_names(self, endpoint: str) -> list[str]:
        """Return the names of a batch endpoint's deployments, of models and of pipelines."""
        models = self.batch_deployments.get(endpoint, {})
        return [*models, *self.pipeline_deployments.get(endpoint, {})]

    def data_beside(self, declaration: Declaration) -> Data | None:
        """Return the data asset of a declaration's folder: its data.yml, else its only one."""
        beside = [
            asset for asset in self.data.values() if asset.file.parent == declaration.file.parent
        ]
        named = [asset for asset in beside if asset.file.stem == "data"]
        found = named or beside
        return found[0] if len(found) == 1 else None


def read_catalog(models_folder: Path) -> Catalog:
    """Read every declaration one level below each folder of `models_folder`.

    A YAML file counts as a declaration when it has a `$schema`, is named like one (model, data,
    *endpoint*, *deployment*) or has the keys of one; conda files and the like are left alone.
    Raises DeclarationError with everything that is wrong in all of the files.
    """
    catalog, problems = survey_catalog(models_folder)
    if problems:
        raise DeclarationError(problems)
    return catalog


def survey_catalog(models_folder: Path) -> tuple[Catalog, list[Problem]]:
    """Return what of a catalog can be read, and everything that is wrong with it.

    Raises DeclarationError where the folder itself can't be read.
    """
    folder = models_folder.absolute()
    if not folder.is_dir():
        raise DeclarationError([Problem(Place(folder, 0), "", "there is no such folder")])
    declarations: list[Declaration] = []
    problems: list[Problem] = []
    try:
        models = _folders(folder)
        files = [file for model in models for file in _yaml_files(model)]
        problems += _too_deep(folder, models)
    except OSError as error:
        place = Place(Path(error.filename or folder), 0)
        text = f"the folder can't be read: {error.strerror}"
        raise DeclarationError([Problem(place, "", text)]) from None
    for file in files:
        try:
            declaration = _read_if_declared(file)
        except DeclarationError as error:
            problems.extend(error.problems)
        else:
            declarations += [declaration] if declaration else []
    catalog, doubled = _arrange(folder, declarations)
    problems += doubled
    # A declaration that is missing because of one wrong file would only be reported a second time.
    if not problems:
        problems = inconsistencies(catalog)
    return catalog, sorted_problems(problems)


def inconsistencies(catalog: Catalog) -> list[Problem]:
    """Return the problems of declarations that are right by themselves and don't agree."""
    problems = [
        *_strays(catalog.batch_deployments, catalog.batch_endpoints, catalog.online_endpoints),
        *_strays(catalog.pipeline_deployments, catalog.batch_endpoints, catalog.online_endpoints),
        *_strays(catalog.online_deployments, catalog.online_endpoints, catalog.batch_endpoints),
    ]
    for name in catalog.batch_endpoints.keys() & catalog.online_endpoints.keys():
        batch, online = catalog.batch_endpoints[name], catalog.online_endpoints[name]
        problems.append(_doubled(online, batch))
    for name, batch_endpoint in catalog.batch_endpoints.items():
        models = catalog.batch_deployments.get(name, {})
        for key, pipeline in catalog.pipeline_deployments.get(name, {}).items():
            if key in models:
                problems.append(_doubled(pipeline, models[key]))
        declared = catalog.batch_names(name)
        default = batch_endpoint.defaults.deployment_name
        if default is not None and default not in declared:
            place = place_of(batch_endpoint.source, "defaults", "deployment_name")
            key = _key_at(place, batch_endpoint, "defaults.deployment_name")
            problems.append(undeclared(place, key, "deployment", default, declared))
    for name, online_endpoint in catalog.online_endpoints.items():
        behind = catalog.online_deployments.get(name, {})
        for key in ("traffic", "mirror_traffic"):
            for deployment in getattr(online_endpoint, key):
                if deployment not in behind:
                    place = place_of(online_endpoint.source, key, deployment)
                    where = _key_at(place, online_endpoint, joined(key, deployment))
                    problems.append(undeclared(place, where, "deployment", deployment, behind))
        problems += _mirrored_twice(online_endpoint)
    return problems


def _mirrored_twice(endpoint: OnlineEndpoint) -> Iterable[Problem]:
    """Yield the deployments with both shares: Azure mirrors only to one that gets no traffic."""
    for deployment, share in endpoint.mirror_traffic.items():
        live = endpoint.traffic.get(deployment, 0)
        if share and live:
            place = place_of(endpoint.source, "mirror_traffic", deployment)
            key = _key_at(place, endpoint, joined("mirror_traffic", deployment))
            text = f"found {deployment!r}, which gets {live} percent of the traffic, allowed: a"
            yield Problem(place, key, f"{text} deployment without traffic")


def _key_at(place: Place, endpoint: BatchEndpoint | OnlineEndpoint, key: str) -> str:
    """Return a key as it is written at a place: in the declaration itself, or in a stack file."""
    if place.file == endpoint.file:
        return key
    return joined(ENDPOINTS, endpoint.name, key)


def undeclared(place: Place, key: str, noun: str, name: str, declared: Iterable[str]) -> Problem:
    """Return the problem of a name that nothing of its kind has."""
    return Problem(place, key, f"no {noun} {name!r} is declared" + nearest(name, declared))


def sorted_problems(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems in the order of files and lines."""
    return sorted(problems, key=lambda problem: (str(problem.file), problem.line))


def _folders(folder: Path) -> list[Path]:
    return [
        path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")
    ]


def _yaml_files(model: Path) -> list[Path]:
    return [
        file
        for file in sorted(model.iterdir())
        if file.suffix in (".yml", ".yaml") and file.is_file()
    ]


def _too_deep(folder: Path, models: Iterable[Path]) -> Iterator[Problem]:
    """Yield a problem for each model folder that lies in a folder of model folders."""
    for group in models:
        if _yaml_files(group):
            continue
        for model in _folders(group):
            try:
                file = next(filter(_is_of_endpoint, _yaml_files(model)), None)
            except OSError:  # it is no model folder, so nobody needs to read it
                continue
            if file is not None:
                text = (
                    f"declarations are read one folder below {folder}: move {model} to"
                    f" {folder / model.name}, or rename {group} to .{group.name} to leave it out"
                )
                yield Problem(Place(file, 0), "", text)


def _is_of_endpoint(file: Path) -> bool:
    return any(word in file.stem.lower() for word in ("endpoint", "deployment"))


def _read_if_declared(file: Path) -> Declaration | None:
    named = _is_of_endpoint(file) or file.stem.lower() in ("model", "data")
    try:
        node = read_document(file)
    except DeclarationError:
        if named or _mentions_schema(file):
            raise
        return None
    if is_component(node):
        return None
    return declaration_from(node) if named or kind_of(node) else None


def _mentions_schema(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            return b"$schema" in stream.read(MAX_BYTES)
    except OSError:
        return False


def _arrange(folder: Path, declarations: list[Declaration]) -> tuple[Catalog, list[Problem]]:
    problems: list[Problem] = []
    jobs: dict[str, dict[str, Job]] = {}
    for declaration in declarations:
        if isinstance(declaration, ProgramJob | OtherJob):
            beside = jobs.setdefault(declaration.file.parent.name, {})
            first = beside.setdefault(name_of(declaration), declaration)
            if first is not declaration:
                problems.append(_doubled_job(declaration, first))
    catalog = Catalog(
        folder,
        models=_by_name(Model, declarations, problems),
        data=_by_name(Data, declarations, problems),
        environments=_by_name(Environment, declarations, problems),
        batch_endpoints=_by_name(BatchEndpoint, declarations, problems),
        batch_deployments=_by_endpoint(BatchDeployment, declarations, problems),
        pipeline_deployments=_by_endpoint(PipelineDeployment, declarations, problems),
        online_endpoints=_by_name(OnlineEndpoint, declarations, problems),
        online_deployments=_by_endpoint(OnlineDeployment, declarations, problems),
        jobs=jobs,
    )
    return catalog, problems


def _by_name(
    kind: type[T], declarations: Iterable[Declaration], problems: list[Problem]
) -> dict[str, T]:
    found: dict[str, T] = {}
    for declaration in declarations:
        if isinstance(declaration, kind):
            first = found.setdefault(str(declaration.name), declaration)
            if first is not declaration:
                problems.append(_doubled(declaration, first))
    return found


def _by_endpoint(
    kind: type[D], declarations: Iterable[Declaration], problems: list[Problem]
) -> dict[str, dict[str, D]]:
    found: dict[str, list[Declaration]] = {}
    for declaration in declarations:
        if isinstance(declaration, kind):
            found.setdefault(declaration.endpoint_name, []).append(declaration)
    return {name: _by_name(kind, behind, problems) for name, behind in found.items()}


def _doubled(second: Declaration, first: Declaration) -> Problem:
    noun = KINDS[type(first)].noun.partition(" ")[2]
    text = (
        f"found {second.name!r}, which {place_of(first.source, 'name')} declares as {noun} already"
    )
    return Problem(place_of(second.source, "name"), "name", f"{text}, allowed: once")


def _doubled_job(job: Job, first: Job) -> Problem:
    """Return the problem of two jobs of a folder with one name, which may be a file's."""
    place = place_of(job.source, "name") if job.name else job.source.place
    other = place_of(first.source, "name") if first.name else first.source.place
    text = f"found the job {name_of(job)!r}, which {other} declares already, allowed: once a folder"
    return Problem(place, "name", text)


def _strays(
    deployments: Mapping[str, Mapping[str, D]],
    endpoints: Mapping[str, Declaration],
    others: Mapping[str, Declaration],
) -> Iterable[Problem]:
    for name in deployments.keys() - endpoints.keys():
        for deployment in deployments[name].values():
            text = f"no {KINDS[type(deployment)].noun.split()[1]} endpoint {name!r} is declared"
            hint = ", it is of the other kind" if name in others else nearest(name, endpoints)
            place = place_of(deployment.source, "endpoint_name")
            yield Problem(place, "endpoint_name", text + hint)


def place_of(source: MappingNode, *keys: str) -> Place:
    """Return the line of a key that a declaration is known to have."""
    place = source.place
    node: Node = source
    for key in keys:
        assert isinstance(node, MappingNode)
        place, node = node.key_places[key], node.entries[key]
    return place
