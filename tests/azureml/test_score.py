"""`runner score` against a workspace, from what a person types to the predictions."""

from __future__ import annotations

import http.client
import json
import ssl
import time
import uuid
from pathlib import Path
from urllib.parse import quote

import pytest
from azure.storage.blob import ContainerClient

from runner.assets.content import hash_path
from runner.azureml.job_outputs import get_output
from runner.azureml.jobs import get_job, job_record
from runner.azureml.storage import parse_place, storage_of
from runner.workspace import Asset, Registration
from tests.azureml.scored import Run, Scored
from tests.emulator.blobs import Blobs
from tests.emulator.faults import storage_forbidden

FIRST = "".join(f"hello,f000.txt,line {line} of 0\n" for line in range(3))
BOTH = FIRST + FIRST.replace("f000", "f001").replace("of 0", "of 1")


@pytest.fixture(scope="session")
def assets(scored_session: Scored) -> dict[str, Asset]:
    """Register a folder and a file, which are in the workspace then."""
    project = scored_session.project
    with pytest.MonkeyPatch.context() as patch:
        for name, value in scored_session.emulator.environment.items():
            patch.setenv(name, value)
        workspace = scored_session.stage.workspace(project.root)
        return {
            "folder": workspace.register("data", Registration("many", project.input, "uri_folder")),
            "file": workspace.register(
                "data", Registration("one", project.input / "f000.txt", "uri_file")
            ),
        }


@pytest.fixture
def no_nodes(scored: Scored, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let jobs wait in the queue, as nothing looks at their results."""
    monkeypatch.setattr(scored.emulator.cloud, "jobs", None)


def predictions(run: Run, *words: str) -> str:
    """Return the predictions that `runner score` leaves on this machine."""
    return Path(run("score", *words, "-o", "json").json()["output"]).read_text()


def finish(run: Run, name: str) -> None:
    """Wait for a job without getting its results."""
    deadline = time.monotonic() + 120
    while (status := run("jobs", "show", name, "-o", "json").json()["status"]) != "Completed":
        assert time.monotonic() < deadline, f"job {name} is {status} after two minutes"


@pytest.mark.parametrize("deployment", ["mlflow", "script"])
def test_the_predictions_are_those_of_this_machine_byte_for_byte(
    scored: Scored, run: Run, deployment: str
) -> None:
    # The stack file names the input.
    words = ("score", "diabetes-batch", "-d", deployment, "-o", "json")
    there = run(*words).json()
    here = run(*words, "--env", "local").json()
    assert Path(there["output"]).read_bytes() == Path(here["output"]).read_bytes()
    same = ("status", "rows", "files", "mini_batches", "predictions")
    expected = {**here, "mini_batches": 4}  # the workspace's deployment takes them one by one
    assert {key: there[key] for key in same} == {key: expected[key] for key in same}
    assert there["seconds"] > 0


def test_scoring_what_is_registered_takes_few_requests(scored: Scored, run: Run) -> None:
    assert run("score", "--no-wait").status == 0
    scored.emulator.look_into_blobs = True
    scored.emulator.requests.clear()
    try:
        assert run("score").status == 0
    finally:
        scored.emulator.look_into_blobs = False
    asked = [request for request in scored.emulator.requests if request.method != "CONNECT"]
    looks = [request for request in asked if "/jobs/" in request.path and request.method == "GET"]
    # cloud, authority, two tokens, data, call, child, its logs (now and then, in the end), the
    # progress log, datastore, signature, listing, predictions: the SDK takes 39
    assert len(asked) - len(looks) <= 16, [str(request) for request in asked]


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("folder", "exact"),
        ("file", "latest"),
        ("folder", "datastore"),
        ("file", "datastore"),
        ("file", "long"),
        ("folder", "https"),
        ("file", "path"),
    ],
)
def test_every_kind_of_input_is_scored(
    scored: Scored, run: Run, assets: dict[str, Asset], kind: str, form: str
) -> None:
    asset = assets[kind]
    place = parse_place(asset.path)
    given = {
        "exact": asset.reference,
        "latest": f"azureml:{asset.name}@latest",
        "datastore": place.short_uri,
        "long": asset.path,
        "https": storage_of(scored.connect()).blob_url(place),
        "path": str(scored.project.input / ("" if kind == "folder" else "f000.txt")),
    }[form]
    assert predictions(run, "--data", given) == (BOTH if kind == "folder" else FIRST)


def test_without_data_the_one_beside_the_endpoint_is_registered_once(
    scored: Scored, run: Run
) -> None:
    assert predictions(run) == BOTH
    assert run("score", "echo", "--no-wait").status == 0
    versions = scored.stage.workspace(scored.project.root).assets("data", "lines")
    assert [version.version for version in versions] == ["1"]


@pytest.mark.usefixtures("no_nodes")
def test_files_that_were_scored_before_are_not_sent_again(
    scored: Scored, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "new.txt").write_text("a line\n")
    words = ("score", "--data", str(tmp_path / "new.txt"), "--no-wait")
    run(*words)
    scored.emulator.requests.clear()
    assert run(*words).status == 0
    assert not [
        request for request in scored.emulator.requests if request.method in ("CONNECT", "PUT")
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--data", "azureml:many:1", "--input-type", "uri_file"), "is a uri_folder"),
        (("--data", "data/lines", "--input-type", "uri_file"), "is a folder, not a uri_file"),
        (("--data", "data/lines/f000.txt", "--input-type", "uri_folder"), "is a file"),
        (("--data", "s3://bucket/data"), "no input Azure reads"),
        (("--data", "azureml://datastores/workspaceblobstore"), "azureml:"),
        (("--set", "max_concurrency_per_instance=3"), "belongs to the deployment"),
        (("--set", "mini_batch_sise=3"), "did you mean"),
        (("--output-path", "results"), "azureml://datastores/NAME/paths/PATH"),
        (("--output-path", "azureml:scores:1"), "is not a datastore URI"),
        (
            (
                "--output-path",
                "azureml://subscriptions/s/resourcegroups/rg/workspaces/ws/datastores/d/paths/p",
            ),
            "is in another workspace than 'scoring'",
        ),
        (("diabetes-online",), "runner invoke"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    scored: Scored,
    run: Run,
    assets: dict[str, Asset],
    words: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = scored.stage.output()
    online = {"kind": "online", "name": "online", "deployments": [], "traffic": {}}
    output["endpoints"] = {**output["endpoints"], "diabetes-online": online}
    (tmp_path / "outputs.json").write_text(json.dumps(output))
    monkeypatch.setenv("RUNNER_OUTPUTS", str(tmp_path / "outputs.json"))
    before = scored.jobs()
    result = run("score", *words)
    assert (result.status, result.out) == (2, "")
    assert said in result.err
    assert result.err.count("\n") == 1
    assert scored.jobs() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ecko",), "no batch endpoint 'ecko'; did you mean 'echo'?"),
        (("echo", "-d", "mein"), "no deployment 'mein' of endpoint 'echo'; did you mean 'main'?"),
        (("--data", "azureml:manny@latest"), "did you mean 'many'?"),
        (("--data", "azureml:many:7"), "has no version '7'; it has 1"),
        (("--data", "azureml:many@newest"), "there is only 'latest'"),
        (("--data", "data/line"), "no file or folder data/line"),
        (("--data", "lines"), "for the data asset write azureml:lines@latest"),
    ],
)
def test_what_is_not_there_is_named_with_the_nearest(
    scored: Scored, run: Run, assets: dict[str, Asset], words: tuple[str, ...], said: str
) -> None:
    before = scored.jobs()
    result = run("score", *words)
    assert (result.status, result.out) == (2 if "newest" in words[-1] else 3, "")
    assert said in result.err
    assert result.err.count("\n") == 1
    assert scored.jobs() == before


def test_an_endpoint_without_default_deployment_asks_for_one(
    scored: Scored, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored.stage.batch("bare-batch", ("main", "other"), default=None)
    try:
        monkeypatch.setenv("RUNNER_OUTPUTS", str(scored.stage.write(tmp_path)))
    finally:
        del scored.stage.endpoints["bare-batch"]
    result = run("score", "bare-batch", "--data", "data/lines")
    assert (result.status, result.out) == (2, "")
    assert "endpoint 'bare-batch' has no default deployment: name one with --deploy" in result.err
    assert "(main, other)" in result.err


@pytest.mark.usefixtures("no_nodes")
def test_the_only_deployment_of_an_endpoint_without_default_is_named_to_azure(
    scored: Scored, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored.stage.batch("single-batch", ("main",), default=None)
    try:
        monkeypatch.setenv("RUNNER_OUTPUTS", str(scored.stage.write(tmp_path)))
    finally:
        del scored.stage.endpoints["single-batch"]
    result = run("score", "single-batch", "--data", "data/lines", "--no-wait", "-o", "json")
    assert result.status == 0, result.err
    assert json.loads(result.out)["deployment"] == "main"
    assert "its only one, 'main', is used" in result.err


@pytest.mark.usefixtures("no_nodes")
def test_a_pattern_sends_the_files_it_matches_and_no_others(
    scored: Scored, run: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.txt", "b.txt", "_SUCCESS", "sub/c.txt"):
        (folder / name).write_text(name)
    result = run("score", "--data", f"{folder}/*.txt", "--no-wait", "-o", "json")
    assert result.status == 0, result.err
    assert json.loads(result.out)["input"] == f"{folder}/*.txt"
    alone = tmp_path / "alone"
    alone.mkdir()
    for name in ("a.txt", "b.txt"):
        (alone / name).write_text(name)
    # What is registered has the hash of the two files and of nothing else.
    shown = run("data", "show", f"azureml:input-{hash_path(alone)[:16]}@latest", "-o", "json")
    assert json.loads(shown.out)["content_hash"] == hash_path(alone)
    assert "subfolder" not in result.err
    told = run("score", "--data", str(folder), "--no-wait")
    assert "1 file in a subfolder is not scored, such as" in told.err
    (folder / ".gitignore").write_text("*\n![ab].txt\n")
    told = run("score", "--data", str(folder), "--no-wait", "-o", "json")
    assert json.loads(told.out)["input"] == str(folder)
    assert "2 files are not scored, as" in told.err
    assert "subfolder" not in told.err
    shown = run("data", "show", f"azureml:input-{hash_path(alone)[:16]}", "-o", "json")
    assert json.loads(shown.out)["version"] == "1"


def test_a_stack_that_is_older_than_its_endpoint_is_not_believed(
    scored: Scored, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = scored.stage.output()
    echo = {**output["endpoints"]["echo"], "default": "main", "deployments": ["main", "old"]}
    gone = {
        **echo,
        "name": "gone",
        "scoring_uri": "https://gone.koreacentral.inference.ml.azure.test/jobs",
    }
    output["endpoints"] = {"echo": echo, "gone": gone}
    (tmp_path / "outputs.json").write_text(json.dumps(output))
    monkeypatch.setenv("RUNNER_OUTPUTS", str(tmp_path / "outputs.json"))
    words = ("--data", "azureml://datastores/workspaceblobstore/paths/any")
    assert "no deployment 'old' of endpoint 'echo'" in run("score", "echo", "-d", "old", *words).err
    assert "no batch endpoint 'gone'" in run("score", "gone", *words).err


def test_a_call_changes_settings_of_the_deployment(scored: Scored, run: Run) -> None:
    name = run(
        *("score", "-m", "2", "-c", "3", "--set", "retry_settings.timeout=61"),
        *("--set", "settings.error_threshold=5", "--set", "output_file_name=march.csv"),
        "--no-wait",
    ).out.strip()
    found = scored.emulator.cloud.state.get(f"{scored.stage.workspace_id}/jobs/{name}")
    assert found is not None
    settings = found.secrets["task"]["settings"]
    assert (settings["mini_batch_size"], settings["processes"]) == (2, 3)
    assert (settings["timeout"], settings["error_threshold"]) == (61.0, 5)
    assert settings["max_retries"] == 3  # as the declaration has it
    result = run("jobs", "stream", name)
    assert result.status == 0
    assert "Processed 1 of 1 mini batch" in result.out
    assert result.err.endswith(f"jobs/{name}/named-outputs/score/march.csv\n")


def test_predictions_go_to_a_place_of_their_own_which_must_be_new(scored: Scored, run: Run) -> None:
    place = f"azureml://datastores/workspaceblobstore/paths/scores/{uuid.uuid4().hex}"
    assert predictions(run, "--output-path", place, "--set", "output_file_name=all.csv") == BOTH
    blob = (
        storage_of(scored.connect())
        .container("workspaceblobstore")
        .get_blob_client(f"{parse_place(place).path}/all.csv")
    )
    assert blob.download_blob().readall().decode() == BOTH
    before = scored.jobs("diabetes-batch")
    again = run("score", "--output-path", place)
    assert (again.status, again.out) == (1, "")
    assert again.err.splitlines()[-1] == f"error: output {place} exists already; name another place"
    assert scored.jobs("diabetes-batch") == before


@pytest.mark.usefixtures("no_nodes")
def test_a_place_whose_name_goes_on_is_another(scored: Scored, run: Run) -> None:
    place = f"azureml://datastores/workspaceblobstore/paths/scores/{uuid.uuid4().hex}"
    container = storage_of(scored.connect()).container("workspaceblobstore")
    container.upload_blob(f"{parse_place(place).path}-first/predictions.csv", b"")
    result = run("score", "--output-path", place, "--no-wait")
    assert result.status == 0, result.err


@pytest.mark.usefixtures("no_nodes")
def test_who_may_not_look_into_the_storage_is_told_that_the_place_was_not_seen(
    scored: Scored, run: Run
) -> None:
    place = f"azureml://datastores/workspaceblobstore/paths/scores/{uuid.uuid4().hex}"
    emulator = scored.emulator
    emulator.look_into_blobs = True
    emulator.faults.inject(storage_forbidden(), method="GET", path="/azureml-blobstore*", times=1)
    result = run("score", "--output-path", place, "--no-wait")
    emulator.look_into_blobs = False
    assert result.status == 0, result.err
    assert f"the job fails if {place} exists, which can't be seen" in result.err


def test_this_machine_can_not_write_to_a_datastore(scored: Scored, run: Run) -> None:
    place = "azureml://datastores/workspaceblobstore/paths/scores"
    result = run("score", "echo", "--output-path", place, "--env", "local")
    assert (result.status, result.out, result.err.count("\n")) == (2, "", 1)
    assert place in result.err


def test_results_and_logs_are_downloaded_where_asked(
    scored: Scored, run: Run, tmp_path: Path
) -> None:
    target = tmp_path / "results"
    assert run("score", "--download", str(target)).status == 0
    assert (target / "named-outputs/score/predictions.csv").read_text() == BOTH
    assert list((target / "artifacts/logs").glob("job_progress_overview.*.txt"))
    before = scored.jobs("diabetes-batch")
    again = run("score", "--download", str(target))
    assert (again.status, again.err.count("\n")) == (2, 1)
    assert "exists already" in again.err
    assert scored.jobs("diabetes-batch") == before


def test_a_job_that_is_left_running_is_picked_up_later(
    scored: Scored, run: Run, tmp_path: Path
) -> None:
    begun = run("score", "--no-wait")
    name = begun.out.strip()
    assert (begun.status, begun.err) == (0, "")
    finish(run, name)
    scored.emulator.requests.clear()
    shown = run("jobs", "show", name, "-o", "json").json()
    assert (shown["status"], shown["summary"]) == ("Completed", None)
    assert not [request for request in scored.emulator.requests if request.method == "CONNECT"]
    streamed = run("jobs", "stream", name)
    assert streamed.status == 0
    assert "Processed 2 of 2 mini batch" in streamed.out
    assert streamed.err.splitlines()[-1].startswith("6 rows: ")
    summary = run("jobs", "show", name, "-o", "json").json()["summary"]
    assert (summary["rows"], summary["files"]) == (6, 2)
    assert run("jobs", "download", name, "-p", str(tmp_path / "copy")).status == 0
    assert (tmp_path / "copy/named-outputs/score/predictions.csv").read_text() == BOTH


def test_a_failed_job_tells_its_error_and_the_end_of_its_log(
    scored: Scored, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "odd.txt").write_bytes(b"\xff\xfe\n")
    words = ("score", "--data", str(tmp_path / "in"), "--set", "error_threshold=0", "-o", "json")
    result = run(*words)
    assert (result.status, result.out) == (1, "")
    last = result.err.splitlines()[-1]
    assert last.startswith("error: job batchjob-")
    assert "UnicodeDecodeError" in last
    assert "its log ends: " in last


@pytest.mark.parametrize(
    ("rights", "role", "begun"),
    [
        ({"read": True, "list": True}, "Storage Blob Data Contributor", False),
        ({"write": True, "create": True, "list": True}, "Storage Blob Data Reader", True),
    ],
)
def test_without_a_right_to_the_storage_the_role_is_named(
    scored: Scored,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rights: dict[str, bool],
    role: str,
    begun: bool,
) -> None:
    (tmp_path / "new.txt").write_text(f"{uuid.uuid4()}\n")
    words = ("--data", "data/lines" if begun else str(tmp_path / "new.txt"))
    if begun:
        assert run("score", *words, "--no-wait").status == 0
    before = scored.jobs()
    scored.stage.narrow_signatures(monkeypatch, rights)
    result = run("score", *words)
    assert (result.status, result.out) == (3, "")
    assert role in result.err.splitlines()[-1]
    assert len(scored.jobs()) == len(before) + begun
    if begun:
        name = next(job for job in scored.jobs() if job not in before)
        assert f"`runner jobs stream {name} --env dev` fetches its results" in result.err
        monkeypatch.undo()


def test_blobs_whose_names_climb_are_not_written(scored: Scored, run: Run, tmp_path: Path) -> None:
    name = run("score", "--no-wait").out.strip()
    finish(run, name)
    connection = scored.connect()
    place = get_output(connection, job_record(connection, get_job(connection, name)), "score")
    container = storage_of(connection).container(place.datastore)
    _put(scored, container, f"{place.path}/../../../evil.txt")
    target = tmp_path / "results"
    for words in (("jobs", "stream", name), ("jobs", "download", name, "-p", str(target))):
        result = run(*words)
        assert result.status == 3
        assert "outside of its folder; nothing is fetched" in result.err.splitlines()[-1]
    assert not target.exists()
    assert not list(scored.project.root.rglob("evil.txt"))
    assert not (scored.project.home / "dev/jobs" / name).exists()


def _put(scored: Scored, container: ContainerClient, name: str) -> None:
    """Store a blob under a name that clients would tidy up."""
    storage = scored.emulator.cloud.storage
    assert isinstance(storage, Blobs)
    context = ssl.create_default_context(cafile=str(scored.emulator.certificates.authority))
    connection = http.client.HTTPSConnection("127.0.0.1", storage.port, context=context)
    account = str(container.account_name)
    address = f"/{account}/{container.container_name}/{quote(name)}?{storage.sas(account)}"
    connection.request("PUT", address, b"evil", {"x-ms-blob-type": "BlockBlob"})
    answer = connection.getresponse()
    assert answer.status == 201, answer.read()
    connection.close()


@pytest.mark.usefixtures("no_nodes")
def test_an_unknown_job_names_the_nearest(scored: Scored, run: Run) -> None:
    name = run("score", "--no-wait").out.strip()
    result = run("jobs", "stream", name[:-1] + "x")
    assert (result.status, result.out) == (3, "")
    assert f"did you mean '{name}'?" in result.err
