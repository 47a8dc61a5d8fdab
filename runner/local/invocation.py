"""A call of a batch endpoint becomes a job here: its model, data, settings and plan."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from runner.assets.kinds import ASSET_KINDS
from runner.assets.registering import find_or_register, registration_of
from runner.declarations import (
    AssetReference,
    BatchDeployment,
    Catalog,
    Data,
    Model,
    OnlineDeployment,
    parse_reference,
)
from runner.declarations.deployment import Deployment
from runner.declarations.references import PREFIX
from runner.declarations.secret_references import without_references
from runner.engine.inputs import list_code, list_files
from runner.engine.plan import Engine, Plan, Settings, write_plan
from runner.errors import EnvironmentRefused, JobFailed, NotFound, WrongUsage
from runner.invocation.input_data import form_of
from runner.invocation.request import Request, only_here
from runner.jobs.addresses import is_job_address
from runner.jobs.engine_settings import (
    asked_engine,
    engine_settings,
    limited_to_machine,
    usual_engine,
)
from runner.jobs.folder import job_folder, model_folder, now
from runner.jobs.input_paths import Chosen, check_type, choose_input, counted_names, unscored
from runner.jobs.interpreter import differing
from runner.jobs.secrets import unwritten
from runner.local.assets import without_unused_keys
from runner.local.files import check, link_out, looks_changed
from runner.local.home import make_folder
from runner.local.interpreters import EnvironmentSource, Interpreters
from runner.local.jobs import begin_job, name_job
from runner.local.venvs import keep_interpreter, tracking_store_variables
from runner.scoring_script import find_script
from runner.spark import asked_master, check_spark
from runner.venvs.interpreter import Interpreter
from runner.venvs.needs import Needs, model_needs, script_needs, served_script_needs
from runner.workspace import (
    Asset,
    AssetKind,
    Assets,
    Invocation,
    Job,
    JobStatus,
    Registration,
)

_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def invoke(
    home: Path,
    catalog: Catalog,
    request: Request,
    invocation: Invocation,
    assets: Assets,
    interpreters: Interpreters,
) -> Job:
    """Begin a batch job of a deployment of a model. Raises a RunnerError; then there is no job.

    Raises JobFailed if there is something at the output place.
    """
    output = check_output(invocation.output_path)
    name = name_job(request.endpoint)
    plan, model, given, notices = plan_job(home, catalog, request, invocation, name, assets)
    interpreter = _interpreter(request, plan, model, interpreters)
    folder = make_folder(home, job_folder(home, name))
    variables = {**tracking_store_variables(interpreter, folder), **plan.environment_variables}
    secrets = unwritten(plan.environment_variables, _given_variables(request))
    plan = replace(
        plan, python=interpreter.python, environment_variables=variables, secrets=secrets
    )
    write_plan(plan, folder / "plan.json", synced=False)  # `begin_job` does
    keep_interpreter(home, interpreter, folder)
    if model and plan.script:
        link_out(home, model.content_hash, model_folder(folder) / model.base_name)
    job = Job(
        name=name,
        type="batch",
        status=JobStatus.QUEUED,
        created_at=now(),
        endpoint=request.endpoint,
        deployment=request.deployment,
        model=model.reference if model else None,
        input=given,
        output=str(output) if output else None,
    )
    begun = begin_job(home, job, {name: variables[name] for name in secrets})
    return replace(begun, notices=(*notices, *differing(interpreter)))


def _given_variables(request: Request) -> set[str]:
    """Return the names of the variables that the call itself sets."""
    settings = (key.partition(".") for key in request.changed)
    return {name for section, _, name in settings if section == "environment_variables"}


def _interpreter(
    request: Request, plan: Plan, model: Asset | None, interpreters: Interpreters
) -> Interpreter:
    """Return the Python of a plan, by what its deployment declares, or else its model."""
    deployment = request.declared
    assert deployment is not None
    source = environment_source(deployment, model)
    if plan.settings.engine == "spark":
        return interpreters.choose_own(source)
    return interpreters.choose(source)


def environment_source(deployment: Deployment, model: Asset | None) -> EnvironmentSource:
    """Return the environment that a deployment declares for scoring."""
    script = find_script(deployment)
    path = Path(model.path) if model else None
    if script is None:
        needs = model_needs(path) if path is not None else Needs()
    elif isinstance(deployment, OnlineDeployment):
        needs = served_script_needs(script.code)
    else:
        needs = script_needs(script.code)
    return EnvironmentSource(
        owner=f"deployment {deployment.name!r}",
        environment=deployment.environment,
        needs=needs,
        model=path,
        label=model.reference if model else None,
    )


def plan_job(
    home: Path, catalog: Catalog, request: Request, invocation: Invocation, job: str, assets: Assets
) -> tuple[Plan, Asset | None, str, tuple[str, ...]]:
    """Make the plan of a batch job; register what the workspace lacks of its model and data.

    Returns the plan, the model, the input as it was asked for, and notices: of declared files that
    look changed since they were registered, and of files that are not scored. Raises a RunnerError
    for what is missing or makes no sense; nothing has begun then.
    """
    deployment = request.declared
    assert deployment is not None, "here only what is declared can be asked for"
    found = find_script(deployment)
    script = found.path if found else None
    model = find_model(assets, catalog, deployment)
    if model is not None:
        check(home, model.content_hash, model.reference)
    if model is None and script is None:
        raise WrongUsage(f"deployment {deployment.name!r} has neither a model nor a scoring script")
    if script is None and model is not None and model.type != "mlflow_model":
        raise WrongUsage(
            f"model {model.reference} is a {model.type}, which needs a scoring script:"
            f" give deployment {deployment.name!r} a code_configuration"
        )
    engine = _engine(deployment, model, invocation.engine)
    given, data, notices = _data(home, catalog, request.data, assets)
    if model is not None:
        notices = (*_notices(home, model, deployment.model, catalog.models), *notices)
    check_type(data.path, invocation.input_type)
    folder, files = list_files(data.path, data.names)
    return (
        Plan(
            job=job,
            input=str(folder.absolute()),
            files=files,
            settings=replace(_settings(deployment, request, invocation), engine=engine),
            model=model.path if model else None,
            script=str(script) if script else None,
            code=list_code(script) if script else (),
            environment_variables={
                "AZUREML_MODEL_DIR": str(model_folder(job_folder(home, job))),
                **without_references(
                    deployment.settings.environment_variables,
                    os.environ,
                    f"deployment {deployment.name!r}",
                ),
            },
        ),
        model,
        given,
        (*request.notices, *notices),
    )


def _engine(deployment: BatchDeployment, model: Asset | None, asked: str | None) -> Engine:
    """Return the engine of the job: the one asked for, else Spark for a Spark ML model.

    Raises EnvironmentRefused where that is Spark and there is no Java, or no pyspark.
    """
    path = Path(model.path) if model else None
    script = deployment.code_configuration is not None
    engine = asked_engine(deployment, asked) or usual_engine(path, script)
    if engine == "spark":
        check_spark(asked_master(deployment.settings.environment_variables))
    return engine


def find_model(assets: Assets, catalog: Catalog, deployment: Deployment) -> Asset | None:
    """Find the deployment's model, and register it from its declaration if it is missing."""
    source = deployment.model
    if source is None:
        return None
    if isinstance(source, Model):
        name = source.name or f"{deployment.endpoint_name}-{deployment.name}"
        return assets.register("model", _in_place(assets, _here(source), name))
    return _find(assets, "model", source, catalog.models)


def _in_place(assets: Assets, source: Model, name: str) -> Registration:
    """Return the registration of a model that is declared in its deployment.

    It is registered each time that it is used, so unused keys are left out from the second time on,
    for a single notice.
    """
    registration = registration_of(source, name)
    try:
        assets.asset("model", f"{PREFIX}{name}")
    except NotFound:
        return registration
    return without_unused_keys(registration)


def find_data(assets: Assets, catalog: Catalog, reference: AssetReference) -> Asset:
    """Find the data asset, and register it from its declaration if it is missing."""
    return _find(assets, "data", reference, catalog.data)


def _find(
    assets: Assets,
    kind: AssetKind,
    reference: AssetReference,
    declared: Mapping[str, Model] | Mapping[str, Data],
) -> Asset:
    if reference.registry or reference.workspace:
        raise EnvironmentRefused(
            f"{reference} lies in another workspace or registry, which the local one can't reach"
        )
    found = find_or_register(assets, kind, reference, declared)
    if isinstance(found, Asset):
        return found
    raise _elsewhere(found)


def _here(declaration: Model) -> Model:
    """Return the declaration, if its model is on this machine. Raises EnvironmentRefused."""
    if isinstance(declaration.path, Path) or is_job_address(declaration.path):
        return declaration
    raise _elsewhere(declaration)


def _elsewhere(declaration: Model | Data) -> EnvironmentRefused:
    return EnvironmentRefused(
        f"{declaration.path} can't be reached from the local environment; copy it here and"
        f" name the copy in {declaration.file}"
    )


def _data(
    home: Path, catalog: Catalog, asked: str, assets: Assets
) -> tuple[str, Chosen, tuple[str, ...]]:
    """Return the input as it was asked for, its files, and notices.

    A path is read where it lies, as the job runs on this machine, without the files that its ignore
    file excludes. A reference means an asset of the workspace.
    """
    form = form_of(asked)
    if form == "asset":
        reference = parse_reference(asked, "data")
        asset = find_data(assets, catalog, reference)
        check(home, asset.content_hash, asset.reference)
        notices = _notices(home, asset, reference, catalog.data)
        more = unscored(Path(asset.path))
        return asset.reference, Chosen(Path(asset.path)), (*notices, more) if more else notices
    if form != "path":
        raise EnvironmentRefused(
            f"data {asked} can't be reached from the local environment; copy it here and give"
            " the copy's path"
        )
    chosen = choose_input(asked, catalog.data)
    if chosen.names is not None:
        return chosen.shown, chosen, ()
    names, notices = counted_names(chosen.path)
    return chosen.shown, replace(chosen, names=names), notices


def _notices(
    home: Path,
    asset: Asset,
    asked: AssetReference | Model | None,
    declared: Mapping[str, Model] | Mapping[str, Data],
) -> tuple[str, ...]:
    """Return a notice if the declared files look changed since the latest version."""
    declaration = declared.get(asset.name)
    if not isinstance(asked, AssetReference) or asked.exact or declaration is None:
        return ()
    path = declaration.path
    # A version that a job made, or that was copied here, differs from the declaration on purpose.
    if asset.made_elsewhere or not isinstance(path, Path) or path.name != asset.base_name:
        return ()
    if not looks_changed(home, asset.content_hash, path):
        return ()
    command = f"{ASSET_KINDS[asset.kind].adding} -f {declaration.file}"
    return (
        f"{path} looks changed since {asset.reference} was registered;"
        f" `{command}` registers it as it is",
    )


def _settings(deployment: BatchDeployment, request: Request, invocation: Invocation) -> Settings:
    settings = engine_settings(deployment, only_here(invocation))
    if limited_to_machine(request.changed):
        return replace(settings, processes=min(settings.processes, _CORES))
    return settings


def check_output(given: str | None) -> Path | None:
    """Return the output place as an absolute path.

    Raises JobFailed if something is there, and WrongUsage for a place not on this machine.
    """
    if given is None:
        return None
    if given.startswith(PREFIX):
        raise WrongUsage(
            f"--output-path {given} is a datastore's, which the local environment can't reach:"
            " name a folder of this machine"
        )
    path = Path(given).expanduser().absolute()
    if path.exists():
        raise JobFailed(f"output {path} exists already; name another place")
    return path
