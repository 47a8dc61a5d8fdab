"""`runner serve` and `runner invoke` in the local environment, as a person runs them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from runner.counting import many
from runner.local.serving.tables import MAX_BODY
from runner.serving_record import served_before
from tests.online import Server, add_online, endpoint_yaml, request_file, wait_for
from tests.projects import ROOT, ScratchProject, add_diabetes, make_project


@pytest.fixture
def online(project: ScratchProject) -> ScratchProject:
    """Return a project of the test's own, whose endpoint has a single deployment."""
    return add_online(project)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server of two deployments, for tests that leave it as it is."""
    project = make_project(tmp_path_factory.mktemp("served") / "project")
    with Server(add_online(project, "blue", "green"), "here", "-v") as running:
        yield running


def hold(server: Server, threads: ThreadPoolExecutor) -> tuple[Future[tuple[int, Any]], Path]:
    """Yield a request that is being scored, and the file that lets it end."""
    began, until = server.project.root / "began", server.project.root / "until"
    wish = {"began": str(began), "until": str(until), "say": "done"}
    answer = threads.submit(server.ask, wish)
    wait_for(began.exists)
    return answer, until


def test_serves_until_it_is_told_to_stop_answers_what_is_in_flight_first_and_keeps_its_key(
    online: ScratchProject,
) -> None:
    with Server(online) as server, ThreadPoolExecutor() as threads:
        answer, until = hold(server, threads)
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: not server.listens())
        assert server.process.poll() is None
        until.touch()
        status, body = answer.result(60)
        assert (status, body["said"]) == (200, "done")
        assert server.process.wait(60) == 0
        assert not (server.folder / "server.json").exists()
        key = server.key
    kept = served_before(online.home, "here")
    assert kept.keys() == {"blue"}
    assert kept["blue"].start_seconds > 0
    assert kept["blue"].slowest_seconds > 0
    with Server(online) as again:
        assert again.key == key


def test_a_second_signal_ends_it_at_once(online: ScratchProject) -> None:
    with Server(online) as server, ThreadPoolExecutor() as threads:
        answer, until = hold(server, threads)
        server.process.send_signal(signal.SIGINT)
        wait_for(lambda: not server.listens())
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(60) == 130
        assert answer.exception(60) is not None
        assert not until.exists()


def test_too_many_requests_and_slow_ones_are_refused_as_declared(
    project: ScratchProject,
) -> None:
    project = add_online(project, request_timeout_ms=1000, max_queue_wait_ms=0)
    with Server(project) as server, ThreadPoolExecutor() as threads:
        answer, until = hold(server, threads)
        status, refused = server.ask({})
        assert (status, "max_queue_wait_ms" in refused["message"]) == (429, True)
        assert answer.result(60)[0] == 408
        assert not until.exists()
        wait_for(lambda: server.ask({})[0] == 200)


def test_a_crash_is_424_and_only_the_log_has_the_traceback(server: Server) -> None:
    status, body = server.ask({"raise": "a secret"}, azureml_model_deployment="green")
    assert status == 424
    assert "secret" not in json.dumps(body)
    assert "Traceback" not in json.dumps(body)
    assert "\ngreen | ValueError: a secret\n" in server.log
    assert server.ask({"die": 7}, azureml_model_deployment="green")[0] == 424
    assert "deployment 'green': its process exited with status 7" in server.log
    assert server.ask({})[0] == 200
    wait_for(lambda: server.ask({}, azureml_model_deployment="green")[0] == 200)


def test_each_deployment_is_told_while_it_loads_and_by_what_it_prints(server: Server) -> None:
    name = "green"
    server.ask({"print": "a word"}, azureml_model_deployment=name)
    lines = server.log.splitlines()
    loading = "azureml:greeting:1 script score.py, 1 process"
    assert f"loading deployment {name!r}: {loading}" in lines
    assert any(line.startswith(f"deployment {name!r} is ready after ") for line in lines)
    assert any(line.startswith(f"{name} | ") and line.endswith("a word") for line in lines)


def test_traffic_is_split_as_declared(project: ScratchProject) -> None:
    online = add_online(project, "blue", "green")
    online.write("models/echo/online-endpoint.yml", endpoint_yaml(blue=50, green=50))
    with Server(online) as server:
        processes = [server.ask({})[1]["process"] for _ in range(60)]
        counts = [processes.count(process) for process in set(processes)]
        assert len(counts) == 2
        assert min(counts) >= 10


def test_a_small_answer_does_not_wait_for_another_packet(server: Server) -> None:
    connection = server.connect()
    seconds = []
    for _ in range(10):
        began = time.perf_counter()
        connection.request("POST", "/score", "{}", {"Authorization": f"Bearer {server.key}"})
        assert connection.getresponse().read()
        seconds.append(time.perf_counter() - began)
    connection.close()
    assert min(seconds) < 0.035  # a delayed acknowledgement takes 40 ms


def test_a_body_that_is_too_large_is_told_so(server: Server, tmp_path: Path) -> None:
    status, body = server.ask("x" * MAX_BODY)
    assert (status, "10,000,000 bytes" in body["message"]) == (413, True)
    done = server.project.run("invoke", "here", request_file(tmp_path, "x" * MAX_BODY))
    assert done.returncode == 1
    assert "answered 413" in done.stderr


def test_the_key_stays_secret(online: ScratchProject, tmp_path: Path) -> None:
    request = request_file(tmp_path, {"say": "hello"})
    with Server(online, "here", "-v") as server:
        mode = (server.folder / "key").stat().st_mode
        assert stat.S_IMODE(mode) == 0o600
        assert len(server.key) >= 40
        done = online.run("invoke", "here", request, "-v", "-o", "json")
        refused = online.run("invoke", "here", request_file(tmp_path, {"raise": "it"}), "-v")
        assert (done.returncode, refused.returncode) == (0, 1)
        assert server.ask({}, Authorization="Bearer wrong")[0] == 401
        server.process.send_signal(signal.SIGTERM)
        rest, _ = server.process.communicate(timeout=60)
        printed = [server.uri, rest, server.log, done.stdout, done.stderr]
        printed += [refused.stdout, refused.stderr, (server.folder / "lock").read_text()]
        assert " 200 blue " in server.log
        assert str(server.folder / "key") in server.log
        assert server.key not in "".join(printed)
        assert server.key not in json.dumps(online.json("endpoints", "show", "here"))


def test_invoke_asks_the_server_that_runs_and_does_without_one(
    online: ScratchProject, tmp_path: Path
) -> None:
    request = request_file(tmp_path, {"say": "hello"})
    with Server(online) as server:
        served = server.ask({})[1]["process"]
        answer = online.json("invoke", "here", request)
        assert (answer["status"], answer["deployment"]) == (200, "blue")
        assert answer["body"] == {"process": served, "said": "hello"}
    # Killed, it had no time to say that it is gone.
    assert (server.folder / "server.json").exists()
    answer = online.json("invoke", "here", request)
    assert (answer["status"], answer["deployment"]) == (200, "blue")
    assert answer["body"]["said"] == "hello"
    assert answer["body"]["process"] != served


def test_invoke_asks_the_deployment_that_is_named(server: Server, tmp_path: Path) -> None:
    request = request_file(tmp_path, {"raise": "it"})
    done = server.project.run("invoke", "here", request, "-d", "green", "--container-status")
    assert done.stderr.startswith("green answered 500 in ")
    done = server.project.run("invoke", "here", request, "-d", "green", "-o", "json")
    assert json.loads(done.stdout)["deployment"] == "green"
    assert "answered 424 (Failed Dependency), its model 500 model_error;" in done.stderr


def test_without_a_server_what_the_model_prints_goes_to_a_file(
    online: ScratchProject, tmp_path: Path
) -> None:
    done = online.run("invoke", "here", request_file(tmp_path, {"raise": "it", "print": "noise"}))
    assert done.returncode == 1
    assert "error occurred in scoring script" in json.loads(done.stdout)["message"]
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: endpoint 'here' answered 424 (Failed Dependency), its model 500")
    assert "Traceback" not in done.stderr
    log = (online.home / "endpoints/here/invoke.txt").read_text()
    assert "noise" in log
    assert "ValueError: it" in log


def test_a_script_finds_the_registered_model_under_its_own_name(
    online: ScratchProject, tmp_path: Path
) -> None:
    script = (
        "import os\nfrom pathlib import Path\n"
        "def init(): pass\n"
        "def run(raw_data):\n"
        "    folder = Path(os.environ['AZUREML_MODEL_DIR'])\n"
        "    files = folder.rglob('*.txt')\n"
        "    return {str(path.relative_to(folder)): path.read_text() for path in files}\n"
    )
    online.write("models/echo/blue/score.py", script)
    answer = online.json("invoke", "here", request_file(tmp_path, {}))
    assert answer["body"] == {"greeting/greeting.txt": "hello\n"}
    assert [model["version"] for model in online.json("models", "list", "--name", "greeting")] == [
        "1"
    ]


def test_a_secret_that_azure_reads_is_given_in_the_environment(
    project: ScratchProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "${{azureml://connections/openai/credentials/key}}"
    online = add_online(project, variables=json.dumps({"KEY": key}))
    script = "import os\ndef init(): pass\ndef run(raw_data): return os.environ['KEY'][:3]\n"
    online.write("models/echo/blue/score.py", script)
    request = request_file(tmp_path, {})
    refused = online.run("invoke", "here", request)
    assert refused.returncode == 2
    assert "KEY is a secret that Azure alone reads" in refused.stderr
    monkeypatch.setenv("KEY", "a-secret")
    assert online.json("invoke", "here", request)["body"] == "a-s"


def test_a_spark_model_is_neither_served_nor_asked_where_there_is_no_java(
    project: ScratchProject, tmp_path: Path
) -> None:
    project.write("models/echo/online-endpoint.yml", endpoint_yaml(blue=100))
    project.write(
        "models/echo/online-deployment-blue.yml",
        "name: blue\nendpoint_name: here\nmodel: {path: ./pipeline, type: mlflow_model}\n"
        "instance_type: Standard_DS3_v2\n",
    )
    project.write(
        "models/echo/pipeline/MLmodel",
        "flavors:\n  python_function: {loader_module: mlflow.spark, data: sparkml}\n"
        "  spark: {model_data: sparkml, model_class: pyspark.ml.pipeline.PipelineModel}\n",
    )
    asked = ("invoke", "here", request_file(tmp_path, {}))
    for words in (("serve", "here", "--port", "0"), asked):
        done = project.run(*words, env={"JAVA_HOME": "/nowhere"})
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr.startswith("error: Spark needs Java, and JAVA_HOME=/nowhere has no bin")
        assert done.stderr.count("\n") == 1


def test_an_endpoint_is_served_once(server: Server) -> None:
    again = server.project.run("serve", "here", "--port", "0")
    assert again.returncode == 3
    assert f"served already at {server.uri}" in again.stderr
    assert again.stderr.count("\n") == 1


def test_a_port_that_is_taken_is_named(online: ScratchProject) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = online.run("serve", "here", "--port", port)
    assert done.returncode == 3
    assert f"port {port} of 127.0.0.1: Address already in use" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        (("serve", "hree"), 3, "did you mean 'here'?"),
        (("serve", "echo"), 2, "is a batch endpoint; use `runner score echo`"),
        (("serve", "here", "--host", "no.such.host.invalid"), 2, "--host no.such.host.invalid"),
        (("invoke", "hree", "request.json"), 3, "did you mean 'here'?"),
        (("invoke", "echo", "request.json"), 2, "is a batch endpoint"),
        (("invoke", "here", "request.json", "-d", "blu"), 3, "did you mean 'blue'?"),
    ],
)
def test_what_cannot_be_served_or_asked_is_named_in_one_line(
    online: ScratchProject, words: tuple[str, ...], status: int, reason: str
) -> None:
    online.write("request.json", "{}")
    done = online.run(*words)
    assert done.returncode == status
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1


def test_as_many_processes_run_as_instances_times_their_workers_and_cores(
    project: ScratchProject,
) -> None:
    online = add_online(project, variables="{WORKER_COUNT: 64}")
    cores = len(os.sched_getaffinity(0))
    with Server(online) as server:
        assert f"script score.py, {many(cores, 'process')}\n" in server.log
    for count in ("0", "two"):
        add_online(project, variables=f"{{WORKER_COUNT: '{count}'}}")
        done = online.run("serve", "here", "--port", "0")
        assert done.returncode == 2
        assert f"WORKER_COUNT is '{count}', allowed: a whole number above zero" in done.stderr


@pytest.mark.parametrize("command", ["serve", "invoke"])
def test_a_deployment_that_cannot_start_is_named_and_leaves_nothing_running(
    online: ScratchProject, tmp_path: Path, command: str
) -> None:
    online.write("models/echo/blue/score.py", "def init(): 1 / 0\ndef run(raw_data): pass\n")
    words = ["--port", "0"] if command == "serve" else [request_file(tmp_path, {})]
    done = online.run(command, "here", *words)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: script ")
    assert "init() raised ZeroDivisionError" in last
    assert done.stdout == ""


def test_an_endpoint_without_traffic_answers_404(online: ScratchProject, tmp_path: Path) -> None:
    online.write("models/echo/online-endpoint.yml", endpoint_yaml(blue=0))
    done = online.run("invoke", "here", request_file(tmp_path, {}))
    assert done.returncode == 1
    message = json.loads(done.stdout)["message"]
    assert "no deployment of endpoint 'here' has traffic" in message
    assert message.endswith("azureml-model-deployment, which is --deployment of runner invoke")


def test_a_custom_model_needs_a_script(online: ScratchProject, tmp_path: Path) -> None:
    text = (online.root / "models/echo/online-deployment-blue.yml").read_text()
    kept = [line for line in text.splitlines() if not line.startswith("code_configuration")]
    online.write("models/echo/online-deployment-blue.yml", "\n".join(kept) + "\n")
    done = online.run("invoke", "here", request_file(tmp_path, {}))
    assert done.returncode == 2
    assert "azureml:greeting:1 is a custom_model, which needs a scoring script here" in done.stderr
    assert "where no image's own server runs: give deployment 'blue'" in done.stderr


@pytest.fixture
def sample(tmp_path: Path) -> ScratchProject:
    project = ScratchProject(tmp_path / "project")
    project.write("Pulumi.yaml", "name: sample\nruntime: python\n")
    add_diabetes(project)
    return project


def test_the_sample_endpoint_answers_the_sample_request_as_the_document_asks(
    sample: ScratchProject,
) -> None:
    request = json.loads((ROOT / "data/diabetes/request.json").read_text())
    document = (ROOT / "docs" / "guides" / "online.md").read_text()
    serve, ask = re.findall(r"^```bash\n(.*?)^```", document, re.MULTILINE | re.DOTALL)
    assert serve == "runner serve diabetes-online\n"
    assert ask.count("http://127.0.0.1:5001/score") == 1
    with Server(sample, "diabetes-online") as server:
        asked = ask.replace("http://127.0.0.1:5001/score", server.uri)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", asked],
            cwd=sample.root,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert json.loads(done.stdout) == [0, 0]
        split = {"dataframe_split": request["input_data"]}
        assert server.ask(split, azureml_model_deployment="green") == (200, {"predictions": [0, 0]})
        place = request["input_data"]["columns"].index("Age")
        request["input_data"]["data"][1][place] = "old"
        message = "row 1, column 'Age': 'old' is not a double"
        assert server.ask(request) == (424, {"message": message})


def test_serving_names_the_requirements_it_lacks(online: ScratchProject) -> None:
    online.write("without/uvicorn.py", "raise ModuleNotFoundError(name='uvicorn')\n")
    path = f"{online.root / 'without'}:{ROOT}"
    done = online.run("serve", "here", env={"PYTHONPATH": path})
    assert done.returncode == 3
    assert "serving needs uvicorn" in done.stderr
    assert re.search(r"/serve(\.txt)?`$", done.stderr)
    assert done.stderr.count("\n") == 1
