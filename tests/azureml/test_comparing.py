"""`runner models compare` of a workspace's versions: fetched, scored here, and nothing written."""

from __future__ import annotations

from runner.comparison.report import from_json
from tests.azureml.scored import Run, Scored
from tests.emulator.faults import private_link


def test_a_registered_version_is_fetched_and_scored_here_and_nothing_written_there(
    scored: Scored, run: Run
) -> None:
    scored.emulator.look_into_blobs = True
    scored.emulator.requests.clear()
    jobs = scored.jobs("diabetes-batch")
    try:
        done = run("models", "compare", "diabetes-mlflow:1", "-o", "json")
    finally:
        scored.emulator.look_into_blobs = False
    assert done.status == 0, done.err
    found = from_json(done.out)
    assert (found.rows, found.changed) == (400, 0)
    assert found.old.label == "diabetes-mlflow:1"
    assert found.new.label == "models/diabetes/model (working tree)"
    assert found.old.content_hash == found.new.content_hash
    # The stack file names the data, which is the workspace's own.
    assert found.data.startswith("azureml:patients-unlabeled:")
    assert found.command == "runner models compare diabetes-mlflow:1 --env dev"
    assert scored.jobs("diabetes-batch") == jobs
    assert not list((scored.project.home / "comparisons").iterdir())
    # Posted are only what asks for a token, a signature or a listing.
    written = [
        request
        for request in scored.emulator.requests
        if request.method in ("PUT", "PATCH", "DELETE")
    ]
    assert written == []


def test_a_workspace_behind_a_closed_network_is_told_before_anything_is_scored(
    scored: Scored, run: Run
) -> None:
    scored.emulator.faults.inject(private_link(), path="*/models/*", times=None)
    done = run("models", "compare", "diabetes-mlflow:1")
    assert done.status == 3
    assert done.out == ""
    assert "scoring diabetes" not in done.err
    assert not list((scored.project.home / "comparisons").iterdir())
