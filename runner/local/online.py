"""Online endpoints are served on this machine here, or answer a single request."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from runner.counting import many
from runner.declarations import Catalog, OnlineDeployment, OnlineEndpoint
from runner.declarations.online import COUNT_RULE, WORKER_COUNT
from runner.declarations.secret_references import without_references
from runner.engine.mlmodel import read_mlmodel
from runner.errors import EnvironmentRefused, JobFailed, NotFound, WrongUsage
from runner.installing import installed_by
from runner.jobs.interpreter import differing
from runner.local.endpoint_folder import (
    Address,
    announce,
    endpoint_folder,
    key_file,
    lay_out_model,
    read_key,
    served_at,
    withdraw,
)
from runner.local.interpreters import Interpreters
from runner.local.invocation import environment_source, find_model
from runner.local.job_lock import lock, owner
from runner.local.serving.answer import JSON, Answer, refuse
from runner.local.serving.model_error import as_azure_shows, told_error
from runner.local.serving.plan import DeploymentPlan
from runner.local.serving.request import Request
from runner.local.serving.tables import MAX_BODY
from runner.local.serving.traffic import HEADER, choose, nobody
from runner.local.venvs import held, tracking_store_variables
from runner.nearest import nearest
from runner.scoring_script import find_script
from runner.serving_record import record_slowest, record_starts
from runner.spark import check_spark, write_settings
from runner.venvs.interpreter import Interpreter
from runner.workspace import Assets, Response, Serving

if TYPE_CHECKING:
    from runner.local.serving.deployment import Deployment

_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_LONGEST = 600.0  # seconds to wait for a server, which has its own timeouts
_MARGIN = 5.0  # seconds that a stop takes in addition to open requests
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (compared with, never bound here)


def serve(
    home: Path,
    catalog: Catalog,
    assets: Assets,
    name: str,
    serving: Serving,
    ready: Callable[[str], object],
    log: Callable[[str], object],
    interpreters: Interpreters,
) -> None:
    """Serve a declared endpoint, with all its deployments, until SIGINT or SIGTERM.

    `ready` is called with the scoring URI once requests are answered, `log` with lines for a
    person. Raises a RunnerError if the endpoint can't be served.
    """
    endpoint, declared = _choose(catalog, name)
    _need_packages()
    from runner.local.serving.deployment import Deployment
    from runner.local.serving.gateway import Endpoint, Gateway
    from runner.local.serving.server import serve as serve_http

    folder = endpoint_folder(home, name)
    with ExitStack() as stack:
        listener = stack.enter_context(_bind(serving.host, serving.port))
        held = lock(folder)
        if held is None:
            where = served_at(folder)
            at = f" at {where.uri}" if where else ""
            raise EnvironmentRefused(
                f"endpoint {name!r} is served already{at}, by process {owner(folder)};"
                " stop it first"
            )
        stack.enter_context(held)
        withdraw(folder)  # what a server that was killed left
        plans = [
            stack.enter_context(
                _planned(home, catalog, assets, folder, deployment, interpreters, log)
            )
            for deployment in declared.values()
        ]
        deployments = {plan.name: Deployment(plan, log=log) for plan in plans}
        for deployment in deployments.values():
            stack.enter_context(deployment)
        _load(list(deployments.values()), log)
        record_starts(
            folder, {name: deployment.start_seconds for name, deployment in deployments.items()}
        )
        gateway = Gateway(
            Endpoint(
                name, deployments, read_key(folder), endpoint.traffic, endpoint.mirror_traffic
            ),
            log,
            serving.verbose,
            serving.container_status,
        )
        bound = listener.getsockname()
        address = Address(_ANYWHERE.get(bound[0], bound[0]), bound[1])
        if endpoint.auth_mode != "key":
            log(f"auth_mode {endpoint.auth_mode}: here the endpoint's key takes the token's place")
        if bound[0] != "::1" and not bound[0].startswith("127."):
            log(f"plain HTTP on {serving.host}: the key and the data can be read on the way")
        log(f"key: {key_file(folder)}")

        def begin() -> None:
            announce(folder, address)
            ready(address.uri)

        stack.callback(
            lambda: record_slowest(
                folder,
                {name: deployment.slowest_seconds for name, deployment in deployments.items()},
            )
        )
        stack.callback(withdraw, folder)
        patience = max(plan.longest_inside for plan in plans) + _MARGIN
        serve_http(gateway, listener, patience, begin)


def _load(deployments: Sequence[Deployment], log: Callable[[str], object]) -> None:
    """Start all deployments side by side, wait for them, and log how each start went.

    Raises the JobFailed of the first that can't start, and leaves no process then.
    """

    def load(deployment: Deployment) -> None:
        plan, began = deployment.plan, time.perf_counter()
        what = " ".join(filter(None, (plan.label, plan.script and f"script {plan.script}")))
        log(f"loading deployment {plan.name!r}: {what}, {many(plan.processes, 'process')}")
        deployment.start()
        log(f"deployment {plan.name!r} is ready after {time.perf_counter() - began:.1f} s")

    with ThreadPoolExecutor(len(deployments)) as threads:
        try:
            for loaded in as_completed(
                [threads.submit(load, deployment) for deployment in deployments]
            ):
                loaded.result()
        except BaseException:
            for deployment in deployments:
                deployment.kill()  # so that nobody waits for the others
            raise


def send(
    home: Path,
    catalog: Catalog,
    assets: Assets,
    name: str,
    body: bytes,
    deployment: str | None,
    interpreters: Interpreters,
) -> Response:
    """Have a request answered by the endpoint's server, or without one if none runs."""
    endpoint, declared = _choose(catalog, name)
    if deployment is not None and deployment not in declared:
        known = nearest(deployment, declared)
        raise NotFound(f"endpoint {name!r} has no deployment {deployment!r}{known}")
    if len(body) > MAX_BODY:
        return _response(refuse(413, f"the body is larger than {MAX_BODY:,} bytes"))
    folder = endpoint_folder(home, name)
    where = served_at(folder)
    if where is not None:
        return _post(where, read_key(folder), body, deployment)
    chosen = deployment or choose(endpoint.traffic, secrets.SystemRandom().random())
    if chosen is None:
        return _response(nobody(name))
    with _planned(
        home, catalog, assets, folder, declared[chosen], interpreters, interpreters.log
    ) as plan:
        return _answer_once(plan, folder, body, interpreters.log)


@contextmanager
def _planned(
    home: Path,
    catalog: Catalog,
    assets: Assets,
    folder: Path,
    deployment: OnlineDeployment,
    interpreters: Interpreters,
    log: Callable[[str], object],
) -> Iterator[DeploymentPlan]:
    """Give the plan of a deployment, whose venv can't be removed meanwhile."""
    plan, interpreter = plan_deployment(home, catalog, assets, folder, deployment, interpreters)
    for notice in differing(interpreter):
        log(notice)
    with held(home, interpreter, f"{deployment.endpoint_name}/{deployment.name}"):
        yield plan


def plan_deployment(
    home: Path,
    catalog: Catalog,
    assets: Assets,
    folder: Path,
    deployment: OnlineDeployment,
    interpreters: Interpreters,
) -> tuple[DeploymentPlan, Interpreter]:
    """Return the plan of a deployment for the engine, and the deployment's Python.

    Its model is registered and its declared environment is made where they are not there yet.
    """
    script = find_script(deployment)
    model = find_model(assets, catalog, deployment)
    if script is None:
        if model is None:
            raise WrongUsage(
                f"deployment {deployment.name!r} has neither a model nor a scoring script"
            )
        if model.type != "mlflow_model":
            raise WrongUsage(
                f"model {model.reference} is a {model.type}, which needs a scoring script here,"
                f" where no image's own server runs: give deployment {deployment.name!r} a"
                " code_configuration"
            )
    settings = deployment.request_settings
    at_once = deployment.instance_count * _worker_count(deployment)
    slots = deployment.instance_count * settings.max_concurrent_requests_per_instance
    found = str(lay_out_model(home, folder, model)) if model and script else None
    spark = model is not None and script is None and _is_spark(Path(model.path))
    interpreter = interpreters.choose(environment_source(deployment, model))
    plan = DeploymentPlan(
        name=deployment.name,
        model=model.path if model else None,
        label=model.reference if model else None,
        code=str(script.code) if script else None,
        script=script.name if script else None,
        environment_variables={
            **({"AZUREML_MODEL_DIR": found} if found else {}),
            **tracking_store_variables(interpreter, folder),
            **(_settle_spark(folder, interpreter.python) if spark else {}),
            **without_references(
                deployment.environment_variables, os.environ, f"deployment {deployment.name!r}"
            ),
        },
        slots=slots,
        processes=1 if spark else min(at_once, _CORES),  # a JVM takes hundreds of megabytes
        request_timeout=settings.request_timeout_ms / 1000,
        queue_wait=settings.max_queue_wait_ms / 1000,
        python=interpreter.python,
    )
    return plan, interpreter


def _worker_count(deployment: OnlineDeployment) -> int:
    """Return the number of processes of each instance. Raises WrongUsage for an invalid number."""
    if deployment.worker_count is None:
        raise WrongUsage(
            f"deployment {deployment.name!r}: environment variable {WORKER_COUNT} is"
            f" {deployment.environment_variables[WORKER_COUNT]!r}, allowed: {COUNT_RULE}"
        )
    return deployment.worker_count


def _is_spark(model: Path) -> bool:
    try:
        return read_mlmodel(model).pipeline is not None
    except JobFailed:
        return False  # its process will report that


def _settle_spark(folder: Path, python: str | None) -> dict[str, str]:
    """Return the variables for scoring with Spark in a Python. Raises EnvironmentRefused."""
    check_spark(python=python)
    return write_settings(
        folder / "spark",
        {
            "spark.master": "local[1]",  # a request is a few rows
            "spark.sql.shuffle.partitions": "1",
            "spark.sql.execution.arrow.pyspark.enabled": "true",
        },
        python,
    )


def _choose(catalog: Catalog, name: str) -> tuple[OnlineEndpoint, Mapping[str, OnlineDeployment]]:
    """Return the endpoint of that name, with its deployments."""
    endpoints = catalog.online_endpoints
    if name in catalog.batch_endpoints:
        raise WrongUsage(f"endpoint {name!r} is a batch endpoint; use `runner score {name}`")
    if name not in endpoints:
        raise NotFound(f"no online endpoint {name!r}{nearest(name, endpoints)}")
    deployments = catalog.online_deployments.get(name, {})
    if not deployments:
        raise NotFound(f"endpoint {name!r} has no deployment; declare one beside it")
    return endpoints[name], deployments


def _need_packages() -> None:
    try:
        import httptools  # noqa: F401
        import prometheus_client  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        raise EnvironmentRefused(
            f"serving needs {error.name}, which is not installed:"
            f" {installed_by(str(error.name), group='serve')}"
        ) from None


def _bind(host: str, port: int) -> socket.socket:
    """Return a socket that is bound and doesn't listen yet.

    Until the models are loaded, nobody should be kept waiting on it.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise WrongUsage(f"--host {host}: {error.strerror}") from None
    family, kind, protocol, _, address = found[0]
    # With its protocol, or asyncio doesn't know it for TCP and lets small answers wait for 40 ms.
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise EnvironmentRefused(
            f"port {port} of {host}: {error.strerror}; name another with --port (0: any free one)"
        ) from None
    return listener


def _post(where: Address, key: str, body: bytes, deployment: str | None) -> Response:
    from http.client import HTTPConnection, HTTPException

    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    if deployment is not None:
        headers[HEADER] = deployment
    connection = HTTPConnection(where.host, where.port, timeout=_LONGEST)
    began = time.perf_counter()
    try:
        connection.request("POST", "/score", body, headers)
        answer = connection.getresponse()
        content = answer.read()
    except (OSError, HTTPException) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise EnvironmentRefused(
            f"the server at {where.uri} gave no answer: {reason}; see what it says"
        ) from None
    finally:
        connection.close()
    return Response(
        answer.status,
        content,
        answer.headers.get("content-type", ""),
        answer.headers.get(HEADER),
        time.perf_counter() - began,
        told_error(dict(answer.headers.items())),
    )


def _answer_once(
    plan: DeploymentPlan, folder: Path, body: bytes, log: Callable[[str], object]
) -> Response:
    """Load a deployment for a single request. The model's printed lines go to a file."""
    from dataclasses import replace

    from runner.local.serving.deployment import Deployment

    with (folder / "invoke.txt").open("wb") as log_file:
        with Deployment(replace(plan, processes=1), log_file, log) as deployment:
            deployment.start()
            began = time.perf_counter()
            answer = deployment.score(Request(headers=(("content-type", JSON),), body=body))
        return _response(answer, plan.name, time.perf_counter() - began)


def _response(answer: Answer, deployment: str | None = None, seconds: float = 0.0) -> Response:
    shown = as_azure_shows(answer)
    told = told_error(dict(shown.headers))
    return Response(shown.status, shown.body, shown.content_type, deployment, seconds, told)
