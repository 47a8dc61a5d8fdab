"""The scene and the faults of the storm, called its weather, and a search for secrets after it."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import pytest

from runner.azureml import submission
from runner.cli import main
from runner.workspace import Registration
from tests.azureml.stage import LOCATION, Stage, make_workspace, put
from tests.emulator import Emulator, addresses
from tests.emulator.batch.jobs import ARTIFACTS
from tests.emulator.batch.places import Place, find_place
from tests.emulator.batch.task import Task, task_from
from tests.emulator.blobs import Blobs, account_key
from tests.emulator.cloud import Jobs
from tests.emulator.faults import (
    Answer,
    Drop,
    ExpireTokens,
    Fault,
    Repeat,
    Stall,
    forbidden,
    server_error,
    signature_expired,
    storage_busy,
    storage_forbidden,
    storage_trouble,
    throttled,
    unavailable,
)
from tests.emulator.request_log import LoggedRequest
from tests.emulator.seed import IMAGE
from tests.emulator.state import Resource, State

PREDICTIONS = "0,1,a.csv\n1,0,a.csv\n0,1,b.csv\n"  # of a job that is done at once
SCORE_BATCH = """
def init():
    pass

def run(mini_batch):
    return ["done"] * len(mini_batch)
"""
SCORE_ONLINE = """
def init():
    pass

def run(raw_data):
    return [1, 0]
"""
ONLINE_ANSWER = [1, 0]
# The runner as a program runs it that logs whatever anybody has to say.
LOGGED = (
    "-c",
    "import logging, sys; logging.basicConfig(level=logging.DEBUG);"
    " from runner.cli import main; main(sys.argv[1:])",
)
TIMEOUT = 0.5  # seconds of silence, in a stalled run
_LATE = 0.8


@dataclass(frozen=True)
class Weather:
    """A fault, and the number of requests from its first on that it befalls; None: all of them."""

    name: str
    fault: Fault
    times: int | None = 1


DROPS = (
    Weather("dropped before", Drop("before")),
    Weather("dropped in the middle", Drop("middle")),
    Weather("dropped after", Drop("after")),
)
STALLED = Weather("stalled", Stall(_LATE))
SERVICES = (
    *DROPS,
    STALLED,
    Weather("429", throttled()),
    Weather("429 for good", throttled(), None),
    Weather("500", server_error()),
    Weather("500 for good", server_error(), None),
    Weather("503", unavailable()),
    Weather("403", forbidden()),
    Weather("gone for good", Drop("before"), None),
    Weather("expired tokens", ExpireTokens()),
    Weather("repeated secrets", Repeat()),
)
STORAGE = (
    *DROPS,
    STALLED,
    Weather("storage 500", storage_trouble()),
    Weather("storage 500 for good", storage_trouble(), None),
    Weather("storage 503", storage_busy()),
    Weather("storage 403", storage_forbidden()),
    Weather("expired signature", signature_expired()),
    Weather("repeated secrets", Repeat()),
)
TUNNEL = (
    Weather("tunnel dropped before", Drop("before")),
    Weather("tunnel dropped after", Drop("after")),
    Weather("tunnel stalled", Stall(_LATE)),
    Weather("tunnel refused", Answer(503, "ServiceUnavailable", "No way through.")),
)


def weathers(request: LoggedRequest) -> tuple[Weather, ...]:
    """Return the faults that can befall a request."""
    if request.method == "CONNECT":
        return TUNNEL
    if addresses.BLOB_HOST.fullmatch(request.host):
        return STORAGE
    # What an endpoint's own model answers is shown as it is, whatever it repeats.
    if request.path == "/score":
        return tuple(weather for weather in SERVICES if not isinstance(weather.fault, Repeat))
    # Signing in waits for seconds between its tries, which one test is enough for.
    if request.host == addresses.LOGIN_HOST:
        return tuple(weather for weather in SERVICES if weather.times is not None)
    return SERVICES


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    words: tuple[str, ...]
    status: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)

    @property
    def error(self) -> str:
        """Return the last line, which is the error."""
        return self.stderr.rstrip("\n").rpartition("\n")[2]

    def __str__(self) -> str:
        return (
            f"runner {' '.join(self.words)} ended with {self.status} after {self.seconds:.1f} s:\n"
            f"{self.stdout}\n{self.stderr}"
        )


@dataclass
class InstantJobs:
    """Completes a job at once, but leaves jobs with a script to the engine."""

    state: State
    blobs: Blobs
    engine: Jobs
    fail: bool = False  # the next one

    def start(self, job: Resource) -> None:
        task = task_from(job.secrets["task"])
        if task.scoring_script:
            self.engine.start(job)
        elif self.fail:
            self.fail = False
            self._log(task, "the script said no\n")
            error = {"code": "UserError", "message": "The script raised ValueError."}
            self.state.update(job, {"status": "Failed", "error": error})
        else:
            self._store(task.output, "predictions.csv", PREDICTIONS)
            self._log(task, "scored\n")
            self.state.update(job, {"status": "Completed"})

    def cancel(self, job: Resource) -> None:
        if "task" in job.secrets:
            self.engine.cancel(job)
        else:
            self.state.update(job, {"status": "Canceled"})

    def _log(self, task: Task, text: str) -> None:
        address = f"azureml://datastores/{ARTIFACTS}/paths/ExperimentRun/dcid.{task.child}/"
        place = find_place(self.state, task.workspace, address)
        self._store(place, "user_logs/std_log_0.txt", text)

    def _store(self, place: Place, name: str, text: str) -> None:
        container = self.blobs.client(place.account).get_container_client(place.container)
        container.upload_blob(f"{place.path.rstrip('/')}/{name}", text.encode(), overwrite=True)


@dataclass
class Scene:
    """A project, a workspace with all that the walks need, and the secrets in use."""

    stage: Stage  # whose jobs come and go
    quiet: Stage  # whose jobs stay as they are
    root: Path
    jobs: InstantJobs
    secrets: set[str]
    outputs: Path = field(init=False)
    quiet_outputs: Path = field(init=False)

    def __post_init__(self) -> None:
        for folder in ("busy", "quiet"):
            (self.root / folder).mkdir()
        self.outputs = self.stage.write(self.root / "busy")
        self.quiet_outputs = self.quiet.write(self.root / "quiet")

    @contextmanager
    def going(self) -> Iterator[None]:
        """Let the jobs, the blobs and the secrets of the cloud be this scene's."""
        cloud = self.emulator.cloud
        sas, issue = cloud.sas, cloud.tokens.issue

        def give_sas(account: str) -> str:
            made = sas(account)
            self.secrets.update(parse_qs(made)["sig"])
            return made

        def give_token(audience: str, *more: Any, **given: Any) -> str:
            made = issue(audience, *more, **given)
            self.secrets.add(made.rpartition(".")[2])
            return made

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cloud, "sas", give_sas)
            patch.setattr(cloud.tokens, "issue", give_token)
            patch.setattr(cloud, "jobs", self.jobs)
            patch.setattr(self.emulator, "look_into_blobs", True)
            yield

    @property
    def emulator(self) -> Emulator:
        return self.stage.emulator

    @property
    def home(self) -> Path:
        return self.root / ".runner"

    def run(self, *words: str, verbose: bool = True, quiet: bool = False) -> Ended:
        """Run a command in this process, as `runner` would."""
        given = self.quiet_outputs if quiet else self.outputs
        line = (*words, "-e", "dev", "--outputs", str(given), *(("-v",) if verbose else ()))
        stdout, stderr = io.StringIO(), io.StringIO()
        begun = time.monotonic()
        with redirect_stdout(stdout), redirect_stderr(stderr), pytest.raises(SystemExit) as left:
            main(line)
        status = left.value.code
        assert isinstance(status, int | None)
        seconds = time.monotonic() - begun
        return Ended(line, status or 0, stdout.getvalue(), stderr.getvalue(), seconds)

    def jobs_of(self, endpoint: str) -> dict[str, str]:
        """Return the names and states of an endpoint's jobs, by its logical name."""
        return self.jobs_in(self.stage.endpoints[endpoint]["name"])

    def jobs_in(self, experiment: str) -> dict[str, str]:
        """Return the names and states of an experiment's jobs."""
        below = self.emulator.cloud.state.children(self.stage.workspace_id)
        return {
            job.body["name"]: job.properties["status"]
            for job in below
            if job.properties.get("experimentName") == experiment
        }

    def forget_job(self, name: str) -> None:
        """Remove a job from the workspace, which Azure can't."""
        self.emulator.cloud.state.delete(f"{self.stage.workspace_id}/jobs/{name}")

    def versions(self, segment: str, name: str) -> list[Any]:
        """Return the versions of a model or data asset."""
        path = f"{self.stage.workspace_id}/{segment}/{name}/versions"
        status, listed = self.emulator.arm("GET", path)
        return listed["value"] if status == 200 else []

    def stored(self, uri: str) -> dict[str, bytes]:
        """Return the blobs at an address or below it, by the rest of their names."""
        place = find_place(self.emulator.cloud.state, self.stage.workspace_id, uri)
        container = self.jobs.blobs.client(place.account).get_container_client(place.container)
        return {
            name.removeprefix(place.path).lstrip("/"): container.download_blob(name).readall()
            for name in container.list_blob_names(name_starts_with=place.path)
        }

    def litter(self, folder: Path) -> list[Path]:
        """Return the files that were left half-written in the home, or below a folder."""
        jobs = self.home.glob("jobs/*")
        half = [path for path in jobs if not (path / "summary.json").exists()]
        return [*folder.rglob(".runner-*"), *half]

    def leaks(self, *texts: str) -> list[str]:
        """Return the pieces of texts that hold a secret."""
        return find_leaks("\n".join(texts), self.secrets)


_LEAKS = (
    re.compile(r"eyJ[\w-]{10,}"),  # a token
    re.compile(r"\bsig=(?!\*\*\*)[^\s&'\"]{4,}", re.IGNORECASE),
    re.compile(r"\bBearer (?!\*\*\*)[\w.~+/=-]{8,}", re.IGNORECASE),
)


def find_leaks(text: str, secrets: set[str]) -> list[str]:
    """Return the pieces of a text that are a secret, also as in an address, or look like one."""
    found = [form for secret in secrets for form in (secret, quote(secret, "")) if form in text]
    return [
        *found,
        *(
            text[max(0, match.start() - 80) : match.end()]
            for p in _LEAKS
            for match in p.finditer(text)
        ),
    ]


@contextmanager
def weather(scene: Scene, position: int, what: Weather, host: str = "*") -> Iterator[None]:
    """Let a fault befall the request at a position, from 0, among the next to a host.

    The host may have wildcards.
    """
    with pytest.MonkeyPatch.context() as patch:
        if isinstance(what.fault, Stall):
            patch.setenv("RUNNER_TIMEOUT", str(TIMEOUT))
            # What is late has to land while a job is looked for.
            patch.setattr(submission, "_FIRST_PAUSE", 0.1)
        scene.emulator.faults.inject(what.fault, host=host, skip=position, times=what.times)
        try:
            yield
        finally:
            scene.emulator.faults.clear()
            # What was asked for is carried out late, and that is a part of the weather.
            scene.emulator.settle()


def make_scene(emulator: Emulator, root: Path, *, by_identity: bool = False) -> Scene:
    """Make a workspace in which everything that commands only read is there.

    `by_identity`: its datastores have no credentials, so that blobs are had by bearer token.
    """
    blobs, engine = emulator.cloud.storage, emulator.cloud.jobs
    assert isinstance(blobs, Blobs)
    assert engine is not None
    group = make_workspace(emulator, by_identity=by_identity)
    stage, quiet = Stage(emulator, group), Stage(emulator, group)
    (root / "Pulumi.yaml").write_text("name: storm\nruntime: python\n")
    _deploy(stage, root)
    quiet.endpoints["online"] = stage.endpoints.pop("online")
    quiet.batch("quiet")
    for number in range(3):
        quiet.job(quiet.endpoints["quiet"]["name"], "Completed", f"quiet-{number}")
    jobs = InstantJobs(emulator.cloud.state, blobs, engine)
    return Scene(stage, quiet, root, jobs, _kept_secrets(stage))


def _deploy(stage: Stage, root: Path) -> None:
    """Make a batch endpoint `busy`, with and without a script, and an online endpoint."""
    workspace = stage.workspace(root)
    workspace_id = stage.workspace_id
    environment = f"{workspace_id}/environments/plain/versions/1"
    put(stage.emulator, environment, {"properties": {"image": IMAGE}})
    actual = stage.batch("busy", ("instant",), "instant")
    stage.endpoints["busy"]["deployments"].append("script")
    model = f"{workspace_id}/models/diabetes/versions/1"
    for name, text in (("batch", SCORE_BATCH), ("online", SCORE_ONLINE)):
        folder = root / "code" / name
        folder.mkdir(parents=True)
        (folder / "score.py").write_text(text)
        workspace.register_code(name, folder)
    batch = {
        "model": {"referenceType": "Id", "assetId": model},
        "compute": f"{workspace_id}/computes/cpu-cluster",
        "environmentId": environment,
        "codeConfiguration": {
            "codeId": f"{workspace_id}/codes/batch/versions/1",
            "scoringScript": "score.py",
        },
    }
    put(
        stage.emulator,
        f"{workspace_id}/batchEndpoints/{actual}/deployments/script",
        {"location": LOCATION, "properties": batch},
    )
    online = stage.online("online")
    put(
        stage.emulator,
        f"{workspace_id}/onlineEndpoints/{online}/deployments/blue",
        {
            "location": LOCATION,
            "properties": {
                "endpointComputeType": "Managed",
                "instanceType": "Standard_DS3_v2",
                "environmentId": environment,
                "codeConfiguration": {
                    "codeId": f"{workspace_id}/codes/online/versions/1",
                    "scoringScript": "score.py",
                },
                "requestSettings": {"maxQueueWait": "PT30S", "requestTimeout": "PT30S"},
            },
        },
    )
    # It starts with its first request, and writes to the stderr of that moment.
    assert stage.workspace(root).send("online", b"{}").status == 200
    for name in ("first", "second"):
        (root / name).mkdir()
        (root / name / "a.csv").write_text(f"{name}\n")
        workspace.register("model", Registration("known", root / name, "custom_model"))
        workspace.register("data", Registration("known", root / name, "uri_folder"))


def _kept_secrets(stage: Stage) -> set[str]:
    """Return the client's secret, the account's key and the endpoint's keys."""
    store = stage.emulator.arm("GET", f"{stage.workspace_id}/datastores/workspaceblobstore")[1]
    keys = {
        key
        for resource in stage.emulator.cloud.state.below(stage.workspace_id)
        for name, key in resource.secrets.items()
        if name in ("primaryKey", "secondaryKey")
    }
    assert keys
    return {
        stage.emulator.cloud.application.secret,
        account_key(store["properties"]["accountName"]),
        *keys,
    }
