"""The invocation of a batch deployment: a request in the volume, and one run of its job."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from runner.assets.registering import Registrar
from runner.databricks.codes import send_code
from runner.databricks.endpoints import DeployedEndpoints, reference
from runner.databricks.files import list_folder
from runner.databricks.inputs import find_input
from runner.databricks.job_runs import name_job, submit
from runner.databricks.jobs import job_record
from runner.databricks.requests import ScoreRequest
from runner.databricks.wheel import send_wheel
from runner.errors import EnvironmentRefused, JobFailed, WrongUsage
from runner.invocation.request import Request, only_here, refuse_pipeline, resolve
from runner.jobs.engine_settings import asked_engine, engine_settings, limited_to_machine
from runner.jobs.polling import first_pause
from runner.scoring_script import find_script
from runner.stacks.deploying import pulumi_up
from runner.workspace import Invocation, Job, OnProgress

if TYPE_CHECKING:
    from runner.databricks.connection import Connection
    from runner.databricks.outputs import BatchJob
    from runner.declarations import Catalog


def invoke(
    connection: Connection,
    catalog: Catalog,
    invocation: Invocation,
    assets: Registrar,
    on_progress: OnProgress,
) -> Job:
    """Begin a batch job, and return it as it was begun.

    Data, code and the runner's own wheel are sent first, each once. Raises as `resolve` and
    `begin_run`, JobFailed where the output place holds something already, and WrongUsage; then
    there is no job, or the error names it.
    """
    first_pause()  # so that an error in it comes before there is a job
    if invocation.endpoint is not None:
        logical = connection.logical_name(invocation.endpoint)
        invocation = replace(invocation, endpoint=logical)
    request = resolve(invocation, catalog, DeployedEndpoints(connection, catalog.default_endpoint))
    refuse_pipeline(request)
    name = name_job(request.endpoint)
    output = _output(connection, invocation.output_path, name)
    run_of = _job_of(connection, request)
    deployment = request.declared
    if deployment is None:
        raise WrongUsage(
            f"deployment {request.deployment!r} of endpoint {request.endpoint!r} is not declared"
            " under models/, so nothing says how it scores: declare it"
        )
    scripted = find_script(deployment)  # refused before anything is sent
    send_wheel(connection)
    given = find_input(connection, catalog, request.data, invocation.input_type, assets)
    model, script, folder = reference(connection, run_of.model), None, "model"
    if scripted is not None:
        script = f"{send_code(connection, scripted.code, on_progress)}/{scripted.name}"
        if model is not None:
            folder = assets.asset("model", model).base_name
    asked = ScoreRequest(
        job=name,
        endpoint=request.endpoint,
        deployment=request.deployment,
        job_id=run_of.job_id,
        created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        input=given.path,
        given=given.shown,
        output=output,
        settings=asdict(engine_settings(deployment, only_here(invocation))),
        model=model,
        model_folder=folder,
        script=script,
        environment_variables=dict(deployment.settings.environment_variables),
        limited=limited_to_machine(request.changed),
        engine=asked_engine(deployment, invocation.engine),
    )
    job = job_record(connection, asked, submit(connection, asked))
    return replace(job, notices=(*request.notices, *given.notices))


def _job_of(connection: Connection, request: Request) -> BatchJob:
    """Return the Databricks Job of a deployment. Raises EnvironmentRefused."""
    endpoint = connection.outputs.endpoints[request.endpoint]
    try:
        return endpoint.jobs[request.deployment]
    except KeyError:
        stack = connection.outputs.stack
        raise EnvironmentRefused(
            f"deployment {request.deployment!r} of endpoint {request.endpoint!r} is no job of stack"
            f" {stack or 'ENV'} yet: deploy it with {pulumi_up(stack)}"
        ) from None


def _output(connection: Connection, asked: str | None, job: str) -> str:
    """Return the folder in the volume in which the output will appear."""
    if asked is None:
        return f"jobs/{job}/named-outputs/score"
    root = f"{connection.outputs.volume}/"
    path = PurePosixPath(asked)
    if not asked.startswith(root) or ".." in path.parts:
        raise WrongUsage(
            f"--output-path {asked!r} is not in the volume, where the cluster writes: give"
            f" {root}PATH, and --download-path DIR to get the results here"
        )
    if list_folder(connection, str(path)):
        raise JobFailed(f"output {path} exists already; name another place")
    return str(path).removeprefix(root)
