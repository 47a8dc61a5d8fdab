"""The subjects of checks: the deployments and jobs that Azure would run, with their files here."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from runner.checks.source_code import (
    Import,
    Source,
    is_local,
    local_sources,
    needed_imports,
    read_source,
)
from runner.declarations import (
    AssetReference,
    BatchDeployment,
    Catalog,
    CommandJob,
    Data,
    Environment,
    Model,
    OnlineDeployment,
    SparkJob,
)
from runner.declarations import job as jobs
from runner.declarations.document import MappingNode, Node
from runner.declarations.problem import Place
from runner.engine.mlmodel import MlModel, read_mlmodel
from runner.errors import JobFailed
from runner.package_names import normal
from runner.serving_record import Served, served_before
from runner.venvs.environment import DeclaredEnvironment
from runner.venvs.names import name_of
from runner.venvs.reading import find_environment

Kind = Literal["batch", "online", "command", "spark"]
Runnable = BatchDeployment | OnlineDeployment | CommandJob | SparkJob

SCRIPT = ("code_configuration", "scoring_script")  # the keys of a scoring script

_EXPRESSION = re.compile(r"\$\{\{.*?\}\}", re.DOTALL)
_PYTHON = re.compile(r"python(\d(\.\d+)?)?")
_WITH_VALUE = ("-X", "-W", "-Q")
_OPERATORS = ("&&", "||", ";", "|")
# Other folders, and packages that are installed by the command itself.
_MEANS_OTHERS = re.compile(
    r"(^|[\s;&|(])(cd|pushd|pip3?|conda|mamba|uv|git|source|export|apt|apt-get)\s"
    r"|PYTHONPATH|[$`]|-m\s+pip"
)


@dataclass(frozen=True, eq=False)
class Subject:
    """A deployment or a job. Whatever of it is not on this machine is None."""

    kind: Kind
    declared: Runnable
    code: Path | None  # its folder of code
    entry: Path | None  # the Python file that Azure starts
    shell_scripts: tuple[Path, ...]  # what its command gives to a shell
    means_others: bool  # its command changes the folder, or installs packages
    model: Model | None
    mlmodel: MlModel | None
    environment: Environment | None  # None where it has none of its own, or one that only Azure has
    data: Data | None  # what a batch endpoint is given, where the call names nothing
    starts_as_module: bool = False  # `python -m`
    wanted: DeclaredEnvironment | None = None  # what its environment, or its model's, asks for
    resolved: Mapping[str, str] | None = None  # normal name of a package → version
    unbuilt: tuple[str, ...] = ()  # packages whose requirements are not known
    served: Served | None = None  # how an online deployment did here, if it was ever served

    @property
    def name(self) -> str:
        """Return the deployment or job, as a message names it."""
        declared = self.declared
        if isinstance(declared, CommandJob | SparkJob):
            return f"job {jobs.name_of(declared)!r}"
        return f"deployment {declared.name!r} of {declared.endpoint_name!r}"

    @property
    def has_script(self) -> bool:
        """Return whether it is a deployment with a scoring script of its own."""
        return getattr(self.declared, "code_configuration", None) is not None

    @property
    def only_azure_knows(self) -> bool:
        """Return whether its environment is one that is looked up on Azure."""
        source = self.declared.environment
        return isinstance(source, AssetReference) and self.environment is None

    @property
    def has_own_server(self) -> bool:
        """Return whether its environment starts its own server, or whatever a Dockerfile says."""
        environment = self.environment
        return environment is not None and bool(
            environment.inference_config or environment.image is None
        )

    @property
    def code_place(self) -> Place:
        """Return the place where its folder of code is declared."""
        if isinstance(self.declared, CommandJob | SparkJob):
            return self.place("code")
        return self.place("code_configuration", "code")

    @cached_property
    def source(self) -> Source | None:
        """Return the entry as Python, None where it can't be parsed."""
        return read_source(self.entry) if self.entry is not None else None

    @property
    def search(self) -> tuple[Path, ...]:
        """Return the folders of the code in which Python looks for modules."""
        folders = [self.code] if self.code is not None else []
        if self.entry is not None and not self.starts_as_module:
            beside = [] if self.kind == "command" else folders
            folders = [
                self.entry.parent,
                *(folder for folder in beside if folder != self.entry.parent),
            ]
        return tuple(folders)

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """Return the entry, the files of the code that it imports, and those that these import."""
        return tuple(local_sources(self.source, self.search)) if self.source is not None else ()

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """Return the modules that the sources import whenever the entry is started."""
        found = (imported for source in self.sources for imported in needed_imports(source))
        return tuple(imported for imported in found if not imported.level)

    def finds_local(self, module: str) -> bool:
        """Return whether Python finds a module in the code."""
        return is_local(module, self.search)

    @property
    def asked_names(self) -> frozenset[str]:
        """Return the packages that are declared, by their normal names."""
        if self.wanted is None:
            return frozenset()
        names = {name_of(requirement) for requirement in self.wanted.requirements}
        conda = {normal(re.split(r"[\s=<>!~\[]", text)[0]) for text in self.wanted.only_conda}
        return frozenset(name for name in names | conda if name)

    @property
    def package_names(self) -> frozenset[str]:
        """Return the packages that would be installed, as far as that is known."""
        return self.asked_names | (self.resolved or {}).keys()

    def place(self, *keys: str) -> Place:
        """Return where a key of its declaration stands, or the last key above it that is there."""
        return place_in(self.declared.source, *keys)


def place_in(source: MappingNode, *keys: str) -> Place:
    """Return where a key stands, or the last of the keys above it that is there."""
    place = source.place
    node: Node = source
    for key in keys:
        if not isinstance(node, MappingNode) or key not in node.entries:
            break
        place, node = node.key_places[key], node.entries[key]
    return place


def names_in(folder: Path) -> list[str]:
    """Return the names of what lies in a folder; none of one that can't be read."""
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []


def subjects(catalog: Catalog, home: Path) -> Iterator[Subject]:
    """Yield everything of a catalog that Azure would run, but for the jobs that only it can read.

    `home` is the local workspace, which knows how deployments were served here.
    """
    for deployments in catalog.batch_deployments.values():
        for batch in deployments.values():
            yield _deployment(catalog, "batch", batch)
    for endpoint, online_deployments in catalog.online_deployments.items():
        served = served_before(home, endpoint)
        for name, online in online_deployments.items():
            yield replace(_deployment(catalog, "online", online), served=served.get(name))
    for declared in catalog.jobs.values():
        for job in declared.values():
            if isinstance(job, CommandJob | SparkJob):
                yield _job(catalog, job)


def _deployment(
    catalog: Catalog, kind: Kind, declared: BatchDeployment | OnlineDeployment
) -> Subject:
    configuration = declared.code_configuration
    code = configuration.code if configuration and isinstance(configuration.code, Path) else None
    entry = code / configuration.scoring_script if configuration and code else None
    model = _model(catalog, declared.model)
    return Subject(
        kind=kind,
        declared=declared,
        code=code,
        entry=entry,
        shell_scripts=(),
        means_others=False,
        model=model,
        mlmodel=_mlmodel(model),
        environment=_environment(catalog, declared.environment),
        data=_data(catalog, declared) if isinstance(declared, BatchDeployment) else None,
    )


def _job(catalog: Catalog, job: CommandJob | SparkJob) -> Subject:
    code = job.code if isinstance(job.code, Path) else None
    entry: Path | None = None
    shells: tuple[Path, ...] = ()
    others = False
    if isinstance(job, SparkJob):
        entry = code / job.entry.file if code and job.entry.file else None
    else:
        entry, shells, others = _started(job.command, code)
    return Subject(
        kind="spark" if isinstance(job, SparkJob) else "command",
        declared=job,
        code=code,
        entry=entry,
        shell_scripts=shells,
        means_others=others,
        starts_as_module=isinstance(job, CommandJob) and bool(re.search(r"\s-m\s", job.command)),
        model=None,
        mlmodel=None,
        environment=_environment(catalog, job.environment),
        data=None,
    )


def _started(command: str, code: Path | None) -> tuple[Path | None, tuple[Path, ...], bool]:
    """Return the Python file and the shell scripts that a command starts in the folder of its code,
    and whether it does anything by which other files or packages may be meant."""
    plain = _EXPRESSION.sub("EXPRESSION", command)
    try:
        words = shlex.split(plain)
    except ValueError:
        return None, (), True
    if code is None or _MEANS_OTHERS.search(plain):
        return None, (), True
    entry = None
    shells = []
    for number, word in enumerate(words):
        following = list(_arguments(words[number + 1 :]))
        if _PYTHON.fullmatch(word) and entry is None:
            entry = _python_file(following, code)
        elif word in ("bash", "sh") and following and re.fullmatch(r"[^/~].*\.sh", following[0]):
            shells.append(code / following[0])
        elif word.startswith("./") and word.endswith(".sh"):
            shells.append(code / word)
    return entry, tuple(shells), False


def _arguments(words: list[str]) -> Iterator[str]:
    for word in words:
        if word in _OPERATORS:
            return
        yield word.rstrip(";")


def _python_file(arguments: list[str], code: Path) -> Path | None:
    words = iter(arguments)
    for word in words:
        if word in _WITH_VALUE:
            next(words, None)
        elif word == "-m" and (module := next(words, None)) is not None:
            file = code.joinpath(*module.split(".")).with_suffix(".py")
            return file if file.is_file() else None
        elif word == "-c" or word == "EXPRESSION":
            return None
        elif not word.startswith("-"):
            # An absolute path is in the image, and `~` has no meaning there.
            return None if word.startswith(("/", "~")) else code / word
    return None


def _model(catalog: Catalog, source: AssetReference | Model | None) -> Model | None:
    """Return the declared model that a deployment means, where it is known that it is this one."""
    if isinstance(source, Model) or source is None:
        return source
    if source.registry or source.workspace:
        return None
    model = catalog.models.get(source.name)
    if model and source.version and model.version != source.version:
        return None  # what was registered under that version may be another
    return model


def _mlmodel(model: Model | None) -> MlModel | None:
    if model is None or model.type != "mlflow_model" or not isinstance(model.path, Path):
        return None
    try:
        return read_mlmodel(model.path)
    except JobFailed:
        return None


def _environment(
    catalog: Catalog, source: AssetReference | Environment | None
) -> Environment | None:
    if isinstance(source, Environment) or source is None:
        return source
    return find_environment(source, catalog.environments)


def _data(catalog: Catalog, deployment: BatchDeployment) -> Data | None:
    endpoint = catalog.batch_endpoints.get(deployment.endpoint_name)
    if endpoint is None:
        return None
    if endpoint.input is None:
        return catalog.data_beside(endpoint)
    named = re.match(r"azureml:([^:@/]+)(@latest)?$", endpoint.input)
    return catalog.data.get(named[1]) if named else None
