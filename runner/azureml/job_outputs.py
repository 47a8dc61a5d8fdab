"""Finds the places of the outputs of a job of Azure.

The run history knows the places of outputs that became assets. The place of a batch job's
predictions is only in the definition of the run that scores. An output that neither of them names
lies at the default place of a job's outputs, where the SDK looks as well
(`JobOperations._get_named_output_uri` of azure-ai-ml 1.35).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from runner.azure.errors import Missing
from runner.azureml.jobs import DEFAULT_OUTPUT, get_job, of_pipeline
from runner.azureml.storage import Place, first_blob, parse_place, storage_of
from runner.errors import NotFound, WrongUsage
from runner.nearest import nearest

if TYPE_CHECKING:
    from runner.azure.client import Client
    from runner.azureml.connection import Connection
    from runner.workspace import Job

SCORE = "score"  # the name of a batch job's output
_FILE = "AML_PARAMETER_append_row_file_name"  # among the variables of a run that scores
_USUAL_ROOTS = ("azureml", "dataset")  # of what a job writes to the default datastore


def get_output(connection: Connection, job: Job, name: str) -> Place:
    """Return the place of a job's output. Raises NotFound, with the nearest name."""
    told = _told_place(job) if name == SCORE else None
    if told is not None:
        return told
    run = writing_run(connection, job)
    places = _places(connection, run)
    place = places.get(name) or _usual_place(connection, run, name)
    if place is None:
        raise NotFound(f"job {job.name!r} has no output {name!r}{nearest(name, places)}")
    return place


def list_outputs(connection: Connection, job: Job) -> dict[str, Place]:
    """Return the places of all of a job's outputs, by name; its logs are not among them."""
    run = writing_run(connection, job)
    places = _places(connection, run)
    places.pop(DEFAULT_OUTPUT, None)
    if job.type == "batch":
        score = _told_place(job) or places.get(SCORE) or _usual_place(connection, run, SCORE)
        if score is not None:
            places[SCORE] = score
    return places


def writing_run(connection: Connection, job: Job) -> str:
    """Return the run that writes a job's outputs: a batch job's child, else the job's own run."""
    if job.type != "batch" or of_pipeline(get_job(connection, job.name)):
        return job.name
    from runner.azureml.job_logs import log_files_of

    return log_files_of(connection, job.name).child or job.name


def _told_place(job: Job) -> Place | None:
    """Return the place of the predictions that a batch job's record names, if it does."""
    return _place(job.output) if job.type == "batch" else None


def _places(connection: Connection, run: str) -> dict[str, Place]:
    """Return the places of a run's outputs that the run history knows, by name."""
    # All three, as the SDK asks.
    wanted = dict.fromkeys(
        ("selectRunMetadata", "selectRunDefinition", "selectJobSpecification"), True
    )
    try:
        data = connection.history.ask("rundata", body={"runId": run, **wanted})
    except Missing:
        return {}
    outputs = (data.get("runMetadata") or {}).get("outputs") or {}
    return _defined_places(data.get("runDefinition"), run) | _asset_places(connection, outputs)


def _asset_places(
    connection: Connection, outputs: Mapping[str, Mapping[str, Any]]
) -> dict[str, Place]:
    """Return the places of outputs that became assets, of data as of models."""
    ids: dict[bool, dict[str, str]] = {False: {}, True: {}}
    for name, output in outputs.items():
        if output and output.get("assetId"):
            ids[_is_model(output)][name] = str(output["assetId"])
    data = _resolve(connection.datasets, "dataversion", "uri", ids[False])
    return data | _resolve(connection.models, "models", "path", ids[True])


def _is_model(output: Mapping[str, Any]) -> bool:
    # The history writes MLFlowModel where everything else writes mlflow_model.
    return str(output.get("type")).replace("_", "").lower().endswith("model")


def _resolve(service: Client, segment: str, key: str, ids: Mapping[str, str]) -> dict[str, Place]:
    if not ids:
        return {}
    answer = service.ask(segment, "batchGetResolvedUris", body={"values": list(ids.values())})
    known = answer.get("values") or {}
    found = {name: _place((known.get(id_) or {}).get(key)) for name, id_ in ids.items()}
    return {name: place for name, place in found.items() if place is not None}


def _defined_places(definition: Any, run: str) -> dict[str, Place]:
    """Return the place where a run that scores was told to write its predictions.

    Its other references are not looked at, as they may be inputs.
    """
    reference = ((definition or {}).get("dataReferences") or {}).get(SCORE) or {}
    store, path = reference.get("dataStoreName"), reference.get("pathOnDataStore")
    if not store or not path or "{" in path:  # a part is still to be filled in
        return {}
    return {SCORE: _file_of(definition, run, Place(store, path.strip("/")))}


def _file_of(definition: Mapping[str, Any], run: str, folder: Place) -> Place:
    """Return the file in a folder that a run appends to, or the folder if it is the run's own."""
    file = (definition.get("environmentVariables") or {}).get(_FILE)
    if run in folder.path.split("/") or not file:
        return folder
    appends = "append_row" in (definition.get("arguments") or ())
    return replace(folder, path=f"{folder.path}/{file}") if appends else folder


def _usual_place(connection: Connection, run: str, name: str) -> Place | None:
    """Return the default place of a run's output, if there are blobs."""
    storage = storage_of(connection)
    container = storage.container(storage.default_name)
    paths = (f"{root}/{run}/{name}/" for root in _USUAL_ROOTS)
    found = next((path for path in paths if first_blob(container, path) is not None), None)
    return None if found is None else Place(storage.default_name, found)


def _place(uri: str | None) -> Place | None:
    """Return the place of an address; None for a data asset, or outside of the workspace."""
    if not uri or "{" in uri:
        return None
    try:
        return parse_place(uri)
    except WrongUsage:
        return None
