"""The start of an online deployment's container, by the packages of its environment.

Azure makes the environment of a conda file anew, so that what an image brings does not count, but
for the server, which its inference images see to.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from tests.emulator.batch.places import find_place
from tests.emulator.kinds import Change
from tests.emulator.ml.references import asset, workspace_of
from tests.emulator.state import Resource

# Source: https://github.com/Azure/azureml-examples/pull/3983 for the code and the sentence, and
# https://github.com/Azure/mlops-v2-ado-demo/issues/7 for the address.
CRASHED = (
    "BadArgument",
    "User container has crashed or terminated: Liveness probe failed: HTTP probe failed with"
    " statuscode: 502. Please see troubleshooting guide, available here:"
    " https://aka.ms/oe-tsg#error-resourcenotready",
)
NO_SERVER = "A required package azureml-inference-server-http is missing."
NO_MONITORING = "ModuleNotFoundError: No module named 'azureml.ai'"
_INFERENCE = re.compile(r"mcr\.microsoft\.com/azureml/.*inference")
_NAME = re.compile(r"[\w.-]+")


def let_it_crash(change: Change, model: Resource | None) -> None:
    """Let the change fail, and the deployment's log say why, where its container would not start.

    What can't be known, such as what is in an image, is thought to start.
    """
    change.secrets.pop("log", None)
    log = _last_words(change, model)
    if log is not None:
        change.secrets["log"] = log
        operations = change.cloud.operations
        change.created.append(lambda: operations.plan(change.id.id, error=CRASHED))


def _last_words(change: Change, model: Resource | None) -> str | None:
    has_script = bool(change.properties.get("codeConfiguration"))
    reference = change.properties.get("environmentId")
    image = ""
    if reference:
        place = "properties.environmentId"
        found = asset(change.cloud, workspace_of(change.id), reference, "environments", place)
        if found is None or found.properties.get("inferenceConfig"):
            return None
        conda = found.properties.get("condaFile")
        image = str(found.properties.get("image") or "")
    else:
        conda = None if has_script else _of_model(change, model)
    if conda is None:
        return None
    packages = _names(yaml.safe_load(conda))
    serves = {"azureml-inference-server-http", "azureml-defaults"} & packages
    if reference and not serves and not _INFERENCE.match(image):
        return NO_SERVER
    return None if has_script or "azureml-ai-monitoring" in packages else NO_MONITORING


def _of_model(change: Change, model: Resource | None) -> str | None:
    """Return the conda.yaml of an MLflow model; None where its files lie nowhere."""
    storage = change.cloud.storage
    if storage is None or model is None or model.properties.get("modelType") != "mlflow_model":
        return None
    place = find_place(
        change.cloud.state, workspace_of(change.id), model.properties["modelUri"]
    ).as_folder()
    found = storage.read(place.account, place.container, f"{place.path}conda.yaml")
    return None if found is None else found.decode()


def _names(conda: Any) -> set[str]:
    names = set()
    for item in (conda or {}).get("dependencies") or ():
        for line in item.get("pip") or () if isinstance(item, dict) else (item,):
            found = _NAME.match(line.strip())
            names.add(re.sub(r"[-_.]+", "-", found[0]).lower() if found else line)
    return names
