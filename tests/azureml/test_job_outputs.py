from __future__ import annotations

import uuid
from typing import Any

import pytest

from runner.azureml.connection import Connection
from runner.azureml.job_outputs import get_output, list_outputs
from runner.azureml.jobs import get_job, job_record
from runner.azureml.storage import Place, storage_of
from runner.errors import NotFound
from runner.workspace import Job
from tests.azureml.stage import Stage
from tests.emulator.batch import places
from tests.emulator.batch.history import TOLD
from tests.emulator.batch.invocation import JOBS
from tests.emulator.batch.task import Settings, Task
from tests.emulator.faults import Answer

STORE = "workspaceblobstore"
ADDRESS = f"azureml://datastores/{STORE}/paths"
SILENT = Answer(404, "UserError", "The run was not found.")


class Written:
    """A completed job that was never run, and the blobs that a test writes for it."""

    def __init__(self, stage: Stage, **properties: Any) -> None:
        self._stage = stage
        endpoint = stage.batch("diabetes-batch", (), default=None)
        self.name = stage.job(endpoint, "Completed", inputs=None, **{"outputs": None, **properties})
        self.child = str(uuid.uuid4())
        self.connection = Connection(stage.outputs())

    @property
    def record(self) -> Job:
        return job_record(self.connection, get_job(self.connection, self.name))

    def scored(self, folder: str | None = None, action: str = "append_row") -> Written:
        """Let a child score, and return what it wrote to a folder of the default datastore."""
        place = places.Place("any", "any", "any")
        task = Task(
            workspace=self._stage.workspace_id,
            job=self.name,
            child=self.child,
            input=place,
            output=place,
            output_uri=f"{ADDRESS}/{folder or f'azureml/{self.child}/score'}/",
            model=None,
            code=None,
            scoring_script=None,
            settings=Settings(1, 1, 0, 1.0, 0, action, "all.csv"),
        )
        return self.keep(task=task.to_json())

    def keep(self, **secrets: Any) -> Written:
        """Keep with the job a fact that only the stand-in knows."""
        state = self._stage.emulator.cloud.state
        job = state.get(f"{self._stage.workspace_id}/jobs/{self.name}")
        assert job is not None
        state.put(self._stage.workspace_id, JOBS, job.body, {**job.secrets, **secrets})
        return self

    def upload(self, *names: str) -> None:
        container = storage_of(self.connection).container(STORE)
        for name in names:
            container.upload_blob(name, b"content")


def test_a_scoring_jobs_predictions_are_found_in_its_childs_definition(stored: Stage) -> None:
    job = Written(stored).scored()
    assert job.record.output is None
    place = Place(STORE, f"azureml/{job.child}/score")
    stored.emulator.requests.clear()
    assert get_output(job.connection, job.record, "score") == place
    assert [request.path.rpartition("/")[2] for request in stored.emulator.requests] == [
        "children",
        "rundata",
    ]
    assert list_outputs(job.connection, job.record) == {"score": place}


def test_of_an_own_output_place_only_the_jobs_file_is_its_output(stored: Stage) -> None:
    job = Written(stored).scored("scores/march")
    assert get_output(job.connection, job.record, "score") == Place(STORE, "scores/march/all.csv")
    script = Written(stored).scored("scores/april", action="summary_only")
    assert get_output(script.connection, script.record, "score") == Place(STORE, "scores/april")


@pytest.mark.parametrize("root", ["azureml", "dataset"])
def test_what_the_history_does_not_tell_is_looked_for_where_jobs_write(
    stored: Stage, root: str
) -> None:
    job = Written(stored).scored("elsewhere")
    stored.emulator.faults.inject(SILENT, path="*/rundata", times=None)
    job.upload(f"{root}/{job.child}/score/predictions.csv", f"{root}/{job.child}/scores/x.csv")
    place = Place(STORE, f"{root}/{job.child}/score/")
    assert get_output(job.connection, job.record, "score") == place
    assert list_outputs(job.connection, job.record) == {"score": place}


def test_an_output_that_lies_nowhere_is_not_found(stored: Stage) -> None:
    job = Written(stored).scored()
    with pytest.raises(NotFound, match="has no output 'scores'; did you mean 'score'"):
        get_output(job.connection, job.record, "scores")
    stored.emulator.faults.inject(SILENT, path="*/rundata", times=None)
    with pytest.raises(NotFound, match="has no output 'score'; there are none"):
        get_output(job.connection, job.record, "score")


def test_a_place_that_the_job_itself_tells_needs_no_question(stored: Stage) -> None:
    told = {"score": {"jobOutputType": "uri_folder", "uri": f"{ADDRESS}/told/"}}
    job = Written(stored, outputs=told).scored()
    record = job.record
    stored.emulator.requests.clear()
    assert get_output(job.connection, record, "score") == Place(STORE, "told/")
    assert len(stored.emulator.requests) == 0
    assert list_outputs(job.connection, record) == {"score": Place(STORE, "told/")}


def test_a_place_with_a_gap_is_left_to_the_run(stored: Stage) -> None:
    told = {"score": {"uri": "azureml://datastores/${{default_datastore}}/paths/x/"}}
    job = Written(stored, outputs=told).scored()
    assert get_output(job.connection, job.record, "score").path.startswith("azureml/")


def test_a_pipelines_outputs_are_its_own_and_not_its_first_childs(stored: Stage) -> None:
    tags = {"azureml.batchrun": "true", "azureml.jobtype": "azureml.pipelinejob"}
    job = Written(stored, tags=tags).keep(
        **{
            TOLD: {
                "steps": {"prepare": str(uuid.uuid4())},
                "outputs": {
                    "score": {"uri": f"{ADDRESS}/own/score/", "type": "UriFolder"},
                    "default": {"uri": f"{ADDRESS}/logs/", "type": "UriFolder"},
                },
            }
        }
    )
    place = Place(STORE, "own/score/")
    assert get_output(job.connection, job.record, "score") == place
    assert list_outputs(job.connection, job.record) == {"score": place}


@pytest.mark.parametrize("model", ["MLFlowModel", "mlflow_model", "CustomModel", "triton_model"])
@pytest.mark.parametrize("data", ["UriFolder", "uri_file", "MLTable"])
def test_models_and_data_are_asked_of_the_service_that_knows_them(
    stored: Stage, model: str, data: str
) -> None:
    job = Written(stored, tags={}).keep(
        **{
            TOLD: {
                "outputs": {
                    "model": {"uri": f"{ADDRESS}/a/model/", "type": model},
                    "table": {"uri": f"{ADDRESS}/a/table", "type": data},
                }
            }
        }
    )
    assert list_outputs(job.connection, job.record) == {
        "model": Place(STORE, "a/model/"),
        "table": Place(STORE, "a/table"),
    }


def test_what_no_service_knows_is_looked_for_where_jobs_write(stored: Stage) -> None:
    job = Written(stored, tags={}).keep(
        **{TOLD: {"outputs": {"table": {"uri": "https://elsewhere.test/a", "type": "UriFile"}}}}
    )
    assert list_outputs(job.connection, job.record) == {}
    job.upload(f"azureml/{job.name}/table/part.csv")
    place = Place(STORE, f"azureml/{job.name}/table/")
    assert get_output(job.connection, job.record, "table") == place
