"""Checks for what Azure itself doesn't take, whatever the code is."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runner.checks.finding import Finding, error, warning
from runner.checks.subject import Subject
from runner.declarations import BatchDeployment, CommandJob, OnlineDeployment, SparkJob
from runner.declarations.online import COUNT_RULE, WORKER_COUNT
from runner.declarations.secret_variables import WAY_OUT, in_clear

# Sizes that no machine can be had of any more, with the newer ones in their place.
# Source: https://learn.microsoft.com/azure/virtual-machines/sizes/retirement
_RETIRED = (
    (re.compile(r"standard_nc(6|12|24r?)(_promo)?", re.I), "Standard_NC4as_T4_v3"),
    (re.compile(r"standard_nc(6|12|24r?)s_v2", re.I), "Standard_NC24ads_A100_v4"),
    (re.compile(r"standard_nc(6|12|24)s_v3", re.I), "Standard_NC24ads_A100_v4"),
    (re.compile(r"standard_nd(6|12|24r?)s", re.I), "Standard_NC24ads_A100_v4"),
    (re.compile(r"standard_nv(6|12|24)(_promo)?", re.I), "Standard_NV6ads_A10_v5"),
    (re.compile(r"(standard|basic)_a(0|1|2|3|4|5|6|7)", re.I), "Standard_D2as_v5"),
)
# The variables that Azure sets for the code, so that a declared value is lost or misleads.
_OF_DEPLOYMENTS = frozenset(
    {"AML_APP_ROOT", "AZUREML_BI_OUTPUT_PATH", "AZUREML_ENTRY_SCRIPT", "AZUREML_MODEL_DIR"}
)
_OF_JOBS = frozenset(
    {"MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID", "MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_URI"}
)


def check_subject(subject: Subject) -> Iterator[Finding]:
    """Check what a deployment or job asks of Azure."""
    yield from check_instance_type(subject)
    yield from check_variables(subject)
    yield from check_secrets(subject)
    yield from check_workers(subject)


def check_instance_type(subject: Subject) -> Iterator[Finding]:
    """Check that the machine is of a size that Azure still has."""
    declared = subject.declared
    size: str | None
    if isinstance(declared, OnlineDeployment):
        size, place = declared.instance_type, subject.place("instance_type")
    else:
        size = declared.resources.instance_type if declared.resources else None
        place = subject.place("resources", "instance_type")
    for pattern, newer in _RETIRED:
        if size and pattern.fullmatch(size):
            text = f"Azure has no machines of the size {size} any more: name another, as {newer}"
            yield error(place, "retired-size", text)


def check_variables(subject: Subject) -> Iterator[Finding]:
    """Check that no variable is set that Azure sets itself."""
    declared = subject.declared
    if isinstance(declared, SparkJob):
        return
    if isinstance(declared, BatchDeployment):
        names, keys = declared.settings.environment_variables, ["settings", "environment_variables"]
    else:
        names, keys = declared.environment_variables, ["environment_variables"]
    taken = _OF_JOBS if isinstance(declared, CommandJob) else _OF_DEPLOYMENTS
    if subject.has_own_server or subject.only_azure_knows:
        return
    for name in sorted(names.keys() & taken):
        text = f"{name} is set by Azure itself, and not to this value: take it out"
        yield warning(subject.place(*keys, name), "variable", text)


def check_secrets(subject: Subject) -> Iterator[Finding]:
    """Check that no variable of an online deployment is a secret in clear: whoever may read the
    deployment reads it there. Its value is in no finding."""
    declared = subject.declared
    if not isinstance(declared, OnlineDeployment):
        return
    for name in in_clear(declared.environment_variables):
        text = f"{name} looks like a secret, and everyone who may see the deployment sees it:"
        yield warning(subject.place("environment_variables", name), "secret", f"{text} {WAY_OUT}")


def check_workers(subject: Subject) -> Iterator[Finding]:
    """Check that Azure's inference server has a process for each request that is let in."""
    declared, environment = subject.declared, subject.environment
    if not isinstance(declared, OnlineDeployment):
        return
    if environment is not None and environment.inference_config:
        return  # another server answers
    processes = declared.worker_count
    if processes is None:
        given = declared.environment_variables[WORKER_COUNT]
        place = subject.place("environment_variables", WORKER_COUNT)
        yield error(place, "workers", f"{WORKER_COUNT} is {given!r}, allowed: {COUNT_RULE}")
        return
    model = subject.model
    if not subject.has_script and (model is None or model.type != "mlflow_model"):
        return  # another server answers
    if subject.only_azure_knows or subject.has_own_server:
        return
    at_once = declared.request_settings.max_concurrent_requests_per_instance
    if processes < at_once:
        text = (
            f"{at_once} requests at once are let into an instance, and its {WORKER_COUNT} is"
            f" {processes}, so that the others wait for a process, at worst until they time out:"
            f' set it to "{at_once}" in environment_variables, or allow {processes} at once'
        )
        place = subject.place("request_settings", "max_concurrent_requests_per_instance")
        yield warning(place, "workers", text)
