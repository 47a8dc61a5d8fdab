"""Where the outputs of a job of Azure lie.

The run history tells it of outputs that became assets. Of a batch job's predictions it does not:
where those go, only the definition of the run that scores says. What neither tells lies at the
places where a job writes that was told no other; the SDK looks there, too
(`JobOperations._get_named_output_uri` of azure-ai-ml 1.35).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from runner.azure.errors import Missing, explained
from runner.azure.ways_out import BLOB_READER
from runner.azureml.jobs import DEFAULT_OUTPUT, find_job, of_pipeline
from runner.azureml.storage import Place, parse_place, storage_of
from runner.errors import NotFound, WrongUsage
from runner.nearest import nearest

if TYPE_CHECKING:
    from runner.azure.client import Client
    from runner.azureml.connection import Connection
    from runner.workspace import Job

SCORE = "score"  # the name of a batch job's output
_FILE = "AML_PARAMETER_append_row_file_name"  # among the variables of a run that scores
_USUAL_ROOTS = ("azureml", "dataset")  # of what a job writes to the default datastore


def find_output(connection: Connection, job: Job, name: str) -> Place:
    """Where a job's output of that name lies. Raises NotFound, with the nearest name."""
    told = _told_place(job) if name == SCORE else None
    if told is not None:
        return told
    run = writing_run(connection, job)
    places = _places(connection, run)
    place = places.get(name) or _usual_place(connection, run, name)
    if place is None:
        raise NotFound(f"job {job.name!r} has no output {name!r}{nearest(name, places)}")
    return place


def find_outputs(connection: Connection, job: Job) -> dict[str, Place]:
    """Where everything lies that a job wrote, by name; its logs are no output."""
    run = writing_run(connection, job)
    places = _places(connection, run)
    places.pop(DEFAULT_OUTPUT, None)
    if job.type == "batch":
        score = _told_place(job) or places.get(SCORE) or _usual_place(connection, run, SCORE)
        if score is not None:
            places[SCORE] = score
    return places


def writing_run(connection: Connection, job: Job) -> str:
    """The run that writes a job's outputs: of one that scores its child, else the job's own."""
    if job.type != "batch" or of_pipeline(find_job(connection, job.name)):
        return job.name
    from runner.azureml.job_logs import log_files_of

    return log_files_of(connection, job.name).child or job.name


def _told_place(job: Job) -> Place | None:
    """Where a batch job says itself that its predictions lie; None where it leaves that open."""
    return _place(job.output) if job.type == "batch" else None


def _places(connection: Connection, run: str) -> dict[str, Place]:
    """Where a run's outputs lie, by name, as far as it tells."""
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
    """Where the outputs lie that became assets: models are known to another service than data."""
    ids: dict[bool, dict[str, str]] = {False: {}, True: {}}
    for name, one in outputs.items():
        if one and one.get("assetId"):
            ids[_is_model(one)][name] = str(one["assetId"])
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
    found = {name: _place((known.get(one) or {}).get(key)) for name, one in ids.items()}
    return {name: place for name, place in found.items() if place is not None}


def _defined_places(definition: Any, run: str) -> dict[str, Place]:
    """Where a run that scores was told to write. The other references may be what it reads."""
    reference = ((definition or {}).get("dataReferences") or {}).get(SCORE) or {}
    store, path = reference.get("dataStoreName"), reference.get("pathOnDataStore")
    if not store or not path or "{" in path:  # a part is still to be filled in
        return {}
    return {SCORE: _file_of(definition, run, Place(store, path.strip("/")))}


def _file_of(definition: Mapping[str, Any], run: str, folder: Place) -> Place:
    """The one file in a folder that a run appends to, unless the folder is the run's own anyway."""
    file = (definition.get("environmentVariables") or {}).get(_FILE)
    if run in folder.path.split("/") or not file:
        return folder
    appends = "append_row" in (definition.get("arguments") or ())
    return replace(folder, path=f"{folder.path}/{file}") if appends else folder


def _usual_place(connection: Connection, run: str, name: str) -> Place | None:
    """Where a run writes an output that was given no place, if there is anything."""
    storage = storage_of(connection)
    container = storage.container(storage.default_name)
    host = container.primary_hostname
    for root in _USUAL_ROOTS:
        path = f"{root}/{run}/{name}/"
        with explained(f"list {container.container_name} of {host}", host, BLOB_READER):
            pages = container.list_blob_names(name_starts_with=path, results_per_page=1)
            if next(iter(pages), None) is not None:
                return Place(storage.default_name, path)
    return None


def _place(uri: str | None) -> Place | None:
    """The place that an address names; None for a data asset, or one outside of the workspace."""
    if not uri or "{" in uri:
        return None
    try:
        return parse_place(uri)
    except WrongUsage:
        return None
