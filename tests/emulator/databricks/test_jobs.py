"""Jobs and their runs, which really run, as the unmodified SDK sees them."""

from __future__ import annotations

import io
import os
import time
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.databricks.fixtures import sign_in
from tests.emulator.databricks.seed import CLUSTER, SeededLake
from tests.emulator.databricks.submissions import submission, submit

if TYPE_CHECKING:
    from databricks.sdk.service.jobs import Run

FIRST = "first"  # an idempotency token
SCORE = """
import json, os, sys
from pathlib import Path

def main():
    request = Path(sys.argv[1])
    (request.parent / "seen.json").write_text(json.dumps({
        "model": sys.argv[2],
        "request": request.read_text(),
        "host": os.environ["DATABRICKS_HOST"],
        "tracking": os.environ["MLFLOW_TRACKING_URI"],
        "secrets": [name for name in os.environ if name.startswith(("ARM_", "AZURE_", "RUNNER_"))],
    }))
    print("scored", flush=True)
"""


def put_wheel(lake: SeededLake, source: str = SCORE) -> None:
    """Put a wheel with the entry point `score` where the runner's own is meant to be."""
    packed = io.BytesIO()
    info = "batch_scoring_runner-0.1.0.dist-info"
    with zipfile.ZipFile(packed, "w") as wheel:
        wheel.writestr("scoring_host.py", source)
        wheel.writestr(f"{info}/METADATA", "Name: batch_scoring_runner\nVersion: 0.1.0\n")
        wheel.writestr(f"{info}/entry_points.txt", "[databricks]\nscore = scoring_host:main\n")
    lake.do("PUT", f"/api/2.0/fs/files{lake.wheel}", packed.getvalue())


def _state(run: Run) -> tuple[str, str | None]:
    assert run.state is not None
    assert run.state.life_cycle_state is not None
    result = run.state.result_state
    return run.state.life_cycle_state.value, result.value if result else None


def test_a_batch_deployments_job_runs_the_wheel(lake: SeededLake) -> None:
    client = sign_in(lake)
    put_wheel(lake)
    model = "models:/lake.scoring.penguins/1"
    job_id = lake.add_batch_deployment("penguins", "spark", model)
    lake.put_file("jobs/first/request.json", b"{}")
    request = f"{lake.volume}/jobs/first/request.json"
    begun = client.jobs.run_now(
        job_id, job_parameters={"request": request}, idempotency_token=FIRST
    )
    run = begun.result()
    assert _state(run) == ("TERMINATED", "SUCCESS")
    assert run.tasks is not None
    task = run.tasks[0]
    assert task.run_id is not None
    assert task.python_wheel_task is not None
    assert task.python_wheel_task.parameters == [request, model]
    assert client.jobs.get_run_output(task.run_id).logs == "scored\n"
    assert task.cluster_instance is not None
    cluster = client.clusters.get(str(task.cluster_instance.cluster_id))
    assert cluster.termination_reason is not None
    assert "JOB_FINISHED" in str(cluster.termination_reason.code)
    again = client.jobs.run_now(
        job_id, job_parameters={"request": "another"}, idempotency_token=FIRST
    )
    assert again.run_id == run.run_id
    listed = client.jobs.list_runs(job_id=job_id, completed_only=True)
    assert [found.run_id for found in listed] == [run.run_id]
    seen = lake.local(f"{lake.volume}/jobs/first/seen.json").read_text()
    assert f'"host": "{lake.host}"' in seen
    assert '"secrets": []' in seen
    assert lake.outputs()["endpoints"]["penguins"]["jobs"]["spark"]["job_id"] == job_id


def test_a_run_that_raises_says_why(lake: SeededLake) -> None:
    client = sign_in(lake)
    failing = submit(lake, "print('before')\nraise ValueError('no data')\n")
    leaving = submit(lake, "import sys\nsys.exit(3)\n")
    killed = submit(lake, "import os\nos.kill(os.getpid(), 9)\n")
    run = client.jobs.wait_get_run_job_terminated_or_skipped(failing)
    assert _state(run) == ("TERMINATED", "FAILED")
    assert run.status is not None
    assert run.status.termination_details is not None
    assert "RUN_EXECUTION_ERROR" in str(run.status.termination_details.code)
    output = client.jobs.get_run_output(failing)
    assert output.error == "ValueError: no data"
    assert "before" in str(output.logs)
    assert 'task.py", line 2' in str(output.error_trace)
    lake.wait(leaving)
    assert client.jobs.get_run_output(leaving).error == "SystemExit: 3"
    lake.wait(killed)
    assert "Python kernel" in str(client.jobs.get_run_output(killed).error)


def test_the_project_is_on_a_cluster_by_its_wheel_only(lake: SeededLake) -> None:
    run = submit(lake, "import runner\n")
    lake.wait(run)
    output = sign_in(lake).jobs.get_run_output(run)
    assert output.error == "ModuleNotFoundError: No module named 'runner'"


def test_cancelling_really_ends_the_process(lake: SeededLake) -> None:
    client = sign_in(lake)
    where = lake.local(f"{lake.volume}/pid")
    source = (
        "import os, pathlib, sys, time\n"
        "pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))\ntime.sleep(60)\n"
    )
    run_id = submit(lake, source, f"{lake.volume}/pid")
    deadline = time.monotonic() + 20
    while not (where.is_file() and where.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    run = client.jobs.cancel_run_and_wait(run_id)
    assert _state(run) == ("TERMINATED", "CANCELED")
    with pytest.raises(ProcessLookupError):
        os.kill(int(where.read_text()), 0)


def test_a_run_without_a_cluster_fails_by_the_quota(lake: SeededLake) -> None:
    client = sign_in(lake)
    lake.do("POST", "/api/2.1/clusters/delete", {"cluster_id": lake.cluster_id})
    lake.databricks.switches.quota_exceeded = True
    run_id = submit(lake, "")
    run = lake.wait(run_id)
    assert run["state"]["life_cycle_state"] == "INTERNAL_ERROR"
    details = run["status"]["termination_details"]
    assert (details["code"], details["type"]) == ("CLUSTER_ERROR", "CLOUD_FAILURE")
    assert "AZURE_QUOTA_EXCEEDED_EXCEPTION" in run["state"]["state_message"]
    assert client.jobs.get_run(run_id).state is not None
    job_id = lake.add_batch_deployment("penguins", "spark", "models:/lake.scoring.penguins/1")
    begun = lake.do("POST", "/api/2.2/jobs/run-now", {"job_id": job_id})
    (task,) = lake.wait(begun["run_id"])["tasks"]
    cluster = client.clusters.get(task["cluster_instance"]["cluster_id"])
    assert cluster.termination_reason is not None
    assert "AZURE_QUOTA_EXCEEDED" in str(cluster.termination_reason.code)


def test_a_run_too_many_waits_or_is_skipped(lake: SeededLake) -> None:
    put_wheel(lake, "import time\ndef main():\n    time.sleep(0.3)\n")
    job_id = lake.add_batch_deployment("penguins", "spark", "models:/lake.scoring.penguins/1")
    begun = [lake.do("POST", "/api/2.2/jobs/run-now", {"job_id": job_id}) for _ in range(2)]
    states = [
        lake.do("GET", f"/api/2.2/jobs/runs/get?run_id={run['run_id']}")["status"]["state"]
        for run in begun
    ]
    assert states[1] == "QUEUED"
    assert [lake.wait(run["run_id"])["state"]["result_state"] for run in begun] == ["SUCCESS"] * 2
    lake.do(
        "POST",
        "/api/2.2/jobs/update",
        {"job_id": job_id, "new_settings": {"queue": {"enabled": False}}},
    )
    begun = [lake.do("POST", "/api/2.2/jobs/run-now", {"job_id": job_id}) for _ in range(2)]
    states = [lake.wait(run["run_id"])["state"]["life_cycle_state"] for run in begun]
    assert states == ["TERMINATED", "SKIPPED"]


def test_what_a_run_needs_must_be_there(lake: SeededLake) -> None:
    body = submission(lake, "")
    body["tasks"][0]["libraries"] = [{"pypi": {"package": "no-such-package==1"}}]
    lost = lake.do("POST", "/api/2.2/jobs/runs/submit", body)["run_id"]
    code = lake.wait(lost)["status"]["termination_details"]["code"]
    assert code == "LIBRARY_INSTALLATION_ERROR"
    body = submission(lake, "")
    body["tasks"][0]["spark_python_task"]["python_file"] = f"{lake.volume}/nothing.py"
    lost = lake.do("POST", "/api/2.2/jobs/runs/submit", body)["run_id"]
    assert "Cannot read the python file" in lake.wait(lost)["state"]["state_message"]


def test_a_run_that_takes_too_long_is_ended(lake: SeededLake) -> None:
    run = lake.wait(submit(lake, "import time\ntime.sleep(60)\n", timeout_seconds=1))
    assert run["state"]["result_state"] == "TIMEDOUT"


def test_jobs_are_listed_changed_and_deleted(lake: SeededLake) -> None:
    from databricks.sdk.errors import BadRequest, ResourceDoesNotExist
    from databricks.sdk.service.jobs import JobSettings

    client = sign_in(lake)
    made = [
        lake.add_batch_deployment("penguins", name, "models:/lake.scoring.penguins/1")
        for name in ("first", "second", "third")
    ]
    lake.databricks.switches.page_size = 2
    assert [job.job_id for job in client.jobs.list()] == made[::-1]
    assert [job.job_id for job in client.jobs.list(name="PENGUINS-second")] == [made[1]]
    client.jobs.update(made[0], new_settings=JobSettings(name="another"))
    settings = client.jobs.get(made[0]).settings
    assert settings is not None
    assert settings.name == "another"
    assert settings.tasks is not None
    client.jobs.delete(made[0])
    with pytest.raises(ResourceDoesNotExist):
        client.jobs.get(made[0])
    with pytest.raises(BadRequest):
        client.jobs.run_now(made[0])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"existing_cluster_id": None}, "none is given"),
        ({"existing_cluster_id": "nothing"}, "does not exist"),
        ({"new_cluster": CLUSTER}, "exactly one of"),
        ({"task_key": "a b"}, "task key"),
        ({"spark_python_task": {"python_file": "code/task.py"}}, "absolute"),
        ({"spark_python_task": None}, "exactly one type"),
        ({"python_wheel_task": {"package_name": "a"}, "spark_python_task": None}, "entry_point"),
        ({"libraries": [{"whl": "a", "jar": "b"}]}, "library"),
    ],
)
def test_a_run_that_cannot_be(lake: SeededLake, changes: dict[str, Any], said: str) -> None:
    body = submission(lake, "")
    body["tasks"][0] |= changes
    status, answered = lake.ask("POST", "/api/2.2/jobs/runs/submit", body)
    assert (status, answered["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert said in answered["message"]
