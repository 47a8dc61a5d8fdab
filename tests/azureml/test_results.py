from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.azureml.job_outputs import get_output
from runner.azureml.jobs import get_job, job_record
from runner.azureml.workspace import AzureWorkspace
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.workspace import Invocation, Summary, Transfer
from tests.azureml.scored import Scored
from tests.azureml.stage import Stage
from tests.emulator.batch.history import TOLD
from tests.emulator.batch.invocation import JOBS
from tests.emulator.faults import Drop, forbidden

LINES = 6


@pytest.fixture(scope="session")
def completed(scored_session: Scored) -> str:
    """Return the name of a completed job; each test has a folder of its own to download it to."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in scored_session.emulator.environment.items():
            patch.setenv(name, value)
        patch.setenv("RUNNER_POLL_INTERVAL", "0.05")
        workspace = scored_session.stage.workspace(scored_session.project.root)
        data = str(scored_session.project.input)
        job = workspace.invoke(Invocation("echo", data=data))
        list(workspace.follow(job.name))
        assert workspace.job(job.name).status == "Completed"
        return job.name


@pytest.fixture
def workspace(scored: Scored, completed: str, tmp_path: Path) -> AzureWorkspace:
    return scored.stage.workspace(tmp_path)


def files(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def change(scored: Scored, job: str, **properties: object) -> None:
    state = scored.emulator.cloud.state
    found = state.get(f"{scored.stage.workspace_id}/jobs/{job}")
    assert found is not None
    state.update(found, properties)


def test_results_are_collected_once(
    scored: Scored, workspace: AzureWorkspace, completed: str, tmp_path: Path
) -> None:
    with pytest.raises(NotFound, match="were not fetched yet"):
        workspace.summary(completed)
    told: list[Transfer] = []
    workspace.on_transfer = told.append
    summary = workspace.collect(completed)
    folder = tmp_path / ".runner/dev/jobs" / completed
    assert files(folder) == {"summary.json", "named-outputs/score/predictions.csv"}
    assert summary.output == str(folder / "named-outputs/score/predictions.csv")
    assert (summary.rows, summary.files, summary.mini_batches) == (LINES, 2, 2)
    assert (summary.job, summary.status, summary.failed_files) == (completed, "Completed", None)
    assert summary.rows_per_second == pytest.approx(LINES / summary.seconds, abs=0.1)
    assert json.loads((folder / "summary.json").read_text())["rows"] == LINES
    assert (told[-1].verb, told[-1].name) == ("downloading", completed)
    assert told[-1].bytes_done == told[-1].bytes_all
    scored.emulator.requests.clear()
    assert workspace.collect(completed) == workspace.summary(completed) == summary
    profile = workspace.profile(completed)
    assert (profile.answers, profile.rows, list(profile.outputs)) == (LINES, 0, ["prediction"])
    assert len(scored.emulator.requests) == 0
    (folder / "summary.json").write_text("{")
    with pytest.raises(EnvironmentRefused, match=r"can't be read: remove .* fetched again"):
        workspace.collect(completed)


def test_a_file_without_rows_in_the_output_is_told(scored: Scored, tmp_path: Path) -> None:
    """The progress log does not say that it failed."""
    data = tmp_path / "data"
    data.mkdir()
    (good, *_) = sorted((scored.project.root / "data/diabetes/unlabeled").iterdir())
    (data / "good.csv").write_bytes(good.read_bytes())
    workspace = scored.stage.workspace(scored.project.root)

    def summary() -> Summary:
        call = Invocation("diabetes-batch", deployment="mlflow", data=str(data))
        job = workspace.invoke(call)
        list(workspace.follow(job.name))
        return workspace.collect(job.name)

    assert summary().notices == ()
    (data / "other.csv").write_text("name\nvalue\n")
    found = summary()
    assert (found.status, found.files, found.failed_files) == ("Completed", 2, None)
    assert found.notices == ("the output's rows name 1 of 2 files; the job's logs say what failed",)
    assert workspace.summary(found.job) == found


def test_who_is_second_takes_what_the_first_has_fetched(
    scored: Scored, workspace: AzureWorkspace, completed: str, tmp_path: Path
) -> None:
    first: list[Summary] = []
    other = scored.stage.workspace(tmp_path)

    def fetch(_transfer: Transfer) -> None:
        if not first:
            first.append(other.collect(completed))

    workspace.on_transfer = fetch
    assert workspace.collect(completed) == first[0]


def test_results_that_do_not_arrive_whole_are_not_there_at_all(
    scored: Scored,
    workspace: AzureWorkspace,
    completed: str,
    tmp_path: Path,
) -> None:
    scored.emulator.look_into_blobs = True
    try:
        scored.emulator.faults.inject(forbidden(), path="*/predictions.csv", times=None)
        with pytest.raises(EnvironmentRefused, match=r"predictions\.csv"):
            workspace.collect(completed)
        assert files(tmp_path) == set()
        scored.emulator.faults.clear()
        scored.emulator.faults.inject(Drop("middle"), path="*/predictions.csv")
        assert workspace.collect(completed).rows == LINES
    finally:
        scored.emulator.look_into_blobs = False


def test_what_follow_has_read_is_not_asked_for_again(
    scored: Scored, workspace: AzureWorkspace, completed: str
) -> None:
    list(workspace.follow(completed, logs=False))
    scored.emulator.requests.clear()
    assert workspace.collect(completed).mini_batches == 2
    paths = [request.path.rpartition("/workspaces/")[2] for request in scored.emulator.requests]
    assert paths[0] == "scoring/rundata"  # nothing else tells where the predictions lie
    assert [path for path in paths if "runs" in path or "jobs" in path] == []


def test_where_a_job_says_its_output_place_its_run_is_not_asked(
    scored: Scored, workspace: AzureWorkspace, completed: str
) -> None:
    connection = scored.connect()
    job = job_record(connection, get_job(connection, completed))
    place = get_output(connection, job, "score")
    change(scored, completed, outputs={"score": {"uri": place.short_uri}})
    try:
        scored.emulator.faults.inject(forbidden(), path="*/rundata", times=None)
        assert workspace.collect(completed).rows == LINES
    finally:
        change(scored, completed, outputs=None)


def test_where_a_job_does_not_say_how_long_it_took_its_run_does(
    scored: Scored, workspace: AzureWorkspace, completed: str
) -> None:
    state = scored.emulator.cloud.state
    job = state.get(f"{scored.stage.workspace_id}/jobs/{completed}")
    assert job is not None
    times = {
        "StartTime": "2026-05-04T13:51:04.3564364+00:00",
        "EndTime": "2026-05-04T13:51:06.3564364+00:00",
    }
    body = {**job.body, "properties": {**job.properties, "properties": {}}}
    state.put(scored.stage.workspace_id, JOBS, body, {**job.secrets, TOLD: {"times": times}})
    try:
        summary = workspace.collect(completed)
        assert (summary.seconds, summary.rows_per_second) == (2.0, LINES / 2)
    finally:
        state.put(scored.stage.workspace_id, JOBS, job.body, job.secrets)


def test_a_log_that_cannot_be_read_costs_no_results(
    scored: Scored, workspace: AzureWorkspace, completed: str
) -> None:
    scored.emulator.faults.inject(forbidden(), path="/history/*/details", times=None)
    summary = workspace.collect(completed)
    assert (summary.rows, summary.mini_batches) == (LINES, 0)


def test_a_job_without_results_says_so(stored: Stage, tmp_path: Path) -> None:
    endpoint = stored.batch("diabetes-batch", (), default=None)
    workspace = stored.workspace(tmp_path)
    running, failed = stored.job(endpoint, "Running"), stored.job(endpoint, "Failed")
    empty = stored.job(endpoint, "Completed")
    for name in (running, failed):
        with pytest.raises(EnvironmentRefused, match="only a completed one has results"):
            workspace.collect(name)
    with pytest.raises(NotFound, match="has no output 'score'"):
        workspace.collect(empty)
    with pytest.raises(NotFound, match="which is Failed, has nothing to download"):
        workspace.download_job(failed, tmp_path / "copy")
    with pytest.raises(NotFound, match="no job 'nowhere'"):
        workspace.download_job("nowhere", tmp_path / "copy")
    assert files(tmp_path) == set()


def test_a_download_has_outputs_and_logs(
    scored: Scored, workspace: AzureWorkspace, completed: str, tmp_path: Path
) -> None:
    fetched = workspace.download_job(completed, tmp_path / "fetched")
    workspace.collect(completed)
    copied = workspace.download_job(completed, tmp_path / "copied")
    assert files(fetched) == files(copied)
    assert "named-outputs/score/predictions.csv" in files(fetched)
    assert any(path.startswith("artifacts/logs/job_progress_overview.") for path in files(fetched))
    scored.emulator.requests.clear()
    with pytest.raises(WrongUsage, match="exists already"):
        workspace.download_job(completed, copied)
    assert len(scored.emulator.requests) == 0
