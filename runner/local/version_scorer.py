"""Versions of a model are scored on this machine to be compared, as an endpoint would."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from runner.comparison.scoring import Subject, Trial
from runner.declarations import AssetReference, BatchDeployment, Catalog, Model
from runner.declarations.secret_references import without_references
from runner.engine.inputs import list_code, list_files
from runner.engine.plan import Engine, Plan, Settings, write_plan
from runner.errors import WrongUsage
from runner.invocation.request import default_endpoint, refuse_pipeline, resolve
from runner.jobs.engine_settings import asked_engine, engine_settings, usual_engine
from runner.jobs.folder import model_folder
from runner.jobs.input_paths import Chosen
from runner.jobs.secrets import unwritten
from runner.local.endpoints import DeclaredEndpoints
from runner.local.home import make_folder
from runner.local.interpreters import EnvironmentSource, Interpreters, asked_manager
from runner.local.invocation import environment_source
from runner.local.venvs import held, tracking_store_variables
from runner.project import Project, read_environment_catalog
from runner.scoring_script import find_script
from runner.spark import asked_master, check_spark
from runner.venvs.interpreter import EnvManager, Interpreter
from runner.venvs.needs import model_needs
from runner.workspace import Invocation

_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_NEW = 60.0  # seconds for a process to lock a folder that it has made
_PARTS = (
    40  # the least number of mini-batches of an MLflow model's files, so that a sample is small
)


@dataclass(frozen=True)
class ScoringRequest:
    """The deployment that versions are scored as, and the data; None if none is declared."""

    endpoint: str | None
    deployment: BatchDeployment | None
    data: str | None
    notices: tuple[str, ...] = ()

    @property
    def model(self) -> str | None:
        """Return the name of the deployment's registered model; None if it has none."""
        return _model_name(self.deployment) if self.deployment else None


class VersionScorer:
    """Scores versions of a model by what an environment of the project declares."""

    def __init__(
        self,
        project: Project,
        environment: str,
        manager: EnvManager | None,
        log: Callable[[str], object],
    ) -> None:
        self._project = project
        self._environment = environment
        self._manager = manager
        self._log = log

    @cached_property
    def catalog(self) -> Catalog:
        return read_environment_catalog(self._project, self._environment, may_be_missing=True)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give a folder that only this user can read, and remove it in the end.

        Folders that killed processes left are removed as well.
        """
        parent = self._project.home / "comparisons"
        make_folder(self._project.home, parent, exist_ok=True)
        for left in parent.iterdir():
            with _alone_in(left) as alone:
                if alone and time.time() - left.stat().st_mtime > _NEW:
                    shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(dir=parent))
        with _alone_in(folder):
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def resolve_request(
        self, endpoint: str | None, deployment: str | None, data: str | None, names: Collection[str]
    ) -> ScoringRequest:
        """Find the deployment to score as: the one that is named, else one of the model's.

        `names` are the models' names. Raises as `runner.invocation.request.resolve`, and
        WrongUsage where nothing says which data to score.
        """
        endpoints = DeclaredEndpoints(self.catalog)
        fitting: tuple[str, str] | None = None
        if endpoint is None and deployment is None and names:
            fitting = self._deployment_of(names)
            if fitting is None:
                if data is None:
                    raise WrongUsage(
                        f"no deployment is declared of model {min(names)!r}: name an endpoint with"
                        " --endpoint, or give --data to score it as it is"
                    )
                notice = f"no deployment is declared of model {min(names)!r}: it is scored as it is"
                return ScoringRequest(None, None, data, (notice,))
        if not endpoints.names() and endpoint is None and data is not None:
            return ScoringRequest(None, None, data)
        named, chosen = fitting or (endpoint, deployment)
        request = resolve(
            Invocation(endpoint=named, deployment=chosen, data=data), self.catalog, endpoints
        )
        refuse_pipeline(request)
        return ScoringRequest(request.endpoint, request.declared, request.data, request.notices)

    def _deployment_of(self, names: Collection[str]) -> tuple[str, str] | None:
        """Return the endpoint and deployment of a model: defaults before others, then by name."""
        default = default_endpoint(DeclaredEndpoints(self.catalog))
        found = [
            (endpoint, name)
            for endpoint, deployments in self.catalog.batch_deployments.items()
            for name, deployment in deployments.items()
            if _model_name(deployment) in names
        ]

        def rank(place: tuple[str, str]) -> tuple[bool, bool, tuple[str, str]]:
            declared = self.catalog.batch_endpoints.get(place[0])
            is_default = declared is not None and declared.defaults.deployment_name == place[1]
            return place[0] != default, not is_default, place

        return min(found, key=rank, default=None)

    def prepare(self, subject: Subject, asked: ScoringRequest, data: Chosen, folder: Path) -> Trial:
        """Write the plan of scoring a version into a folder, and find the Python that does it.

        Raises a RunnerError naming what is missing or makes no sense.
        """
        deployment = asked.deployment
        script = find_script(deployment) if deployment else None
        if script is None and subject.type != "mlflow_model":
            raise WrongUsage(
                f"{subject.label} is a {subject.type}, which needs a scoring script: name a"
                " deployment that has one with --endpoint and --deployment"
            )
        interpreter = self._interpreter(subject, deployment)
        place, files = list_files(data.path, data.names)
        settings = self._settings(deployment, subject)
        if script is None:
            # A model is called once for each file, however many are dealt out at a time.
            size = max(1, min(settings.mini_batch_size, len(files) // _PARTS))
            settings = replace(settings, mini_batch_size=size)
        folder.mkdir()
        variables = {**tracking_store_variables(interpreter, folder)}
        if deployment is not None:
            variables["AZUREML_MODEL_DIR"] = str(model_folder(folder))
            variables |= without_references(
                deployment.settings.environment_variables,
                os.environ,
                f"deployment {deployment.name!r}",
            )
        secrets = unwritten(variables)
        if script is not None:
            _lay_out(subject, model_folder(folder))
        write_plan(
            Plan(
                job=folder.name,
                input=str(place.absolute()),
                files=files,
                settings=settings,
                model=str(subject.path.absolute()),
                script=str(script.path) if script else None,
                code=list_code(script.path) if script else (),
                environment_variables=variables,
                secrets=secrets,
                python=interpreter.python,
            ),
            folder / "plan.json",
        )
        return Trial(folder, interpreter, {name: variables[name] for name in secrets})

    def held(self, trial: Trial) -> AbstractContextManager[object]:
        """Keep the environment of a trial from being removed meanwhile."""
        return held(self._project.home, trial.interpreter, "comparing")

    def _settings(self, deployment: BatchDeployment | None, subject: Subject) -> Settings:
        if deployment is None:
            settings = Settings(processes=_CORES, timeout=600)
        else:
            # Summaries have no lines to compare: a script's are written in any case.
            settings = replace(engine_settings(deployment, {}), output_action="append_row")
            settings = replace(settings, processes=min(settings.processes, _CORES))
        engine = _engine(subject, deployment)
        if engine == "spark":
            variables = deployment.settings.environment_variables if deployment else {}
            check_spark(asked_master(variables))
        return replace(settings, engine=engine)

    def _interpreter(self, subject: Subject, deployment: BatchDeployment | None) -> Interpreter:
        if deployment is None:
            source = EnvironmentSource(
                owner=f"model {subject.label}",
                environment=None,
                needs=model_needs(subject.path),
                model=subject.path,
                label=subject.label,
            )
        else:
            # The deployment declares the packages, or else this version of the model.
            source = replace(environment_source(deployment, None), model=subject.path)
            source = replace(source, label=subject.label)
            if not _has_script(deployment):
                source = replace(source, needs=model_needs(subject.path))
        manager = asked_manager(self._manager, self.catalog)
        chooser = Interpreters(self._project.home, self.catalog.environments, manager, self._log)
        if _engine(subject, deployment) == "spark":
            return chooser.choose_own(source)
        return chooser.choose(source)


def _engine(subject: Subject, deployment: BatchDeployment | None) -> Engine:
    script = deployment is not None and _has_script(deployment)
    asked = asked_engine(deployment, None) if deployment else None
    return asked or usual_engine(subject.path, script)


@contextmanager
def _alone_in(folder: Path) -> Iterator[bool]:
    """Hold a folder, and give whether nobody else holds it."""
    try:
        file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:  # gone meanwhile, or another user's
        yield False
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        alone = True
    except OSError:
        alone = False
    try:
        yield alone
    finally:
        os.close(file)


def _model_name(deployment: BatchDeployment) -> str | None:
    model = deployment.model
    return model.name if isinstance(model, AssetReference | Model) else None


def _has_script(deployment: BatchDeployment) -> bool:
    return deployment.code_configuration is not None


def _lay_out(subject: Subject, folder: Path) -> None:
    """Lay a model out as a scoring script finds it: copied, as a script may write beside it."""
    target = folder / (subject.base_name or subject.path.name)
    if subject.path.is_dir():
        shutil.copytree(subject.path, target)
    else:
        folder.mkdir(parents=True)
        shutil.copy(subject.path, target)
