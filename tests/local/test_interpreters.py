"""What is declared runs in the environment that it declares: scored, served, asked and trained.

The declared package is a wheel of a few bytes that says its version, and the runner's own
environment has it not.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from runner.declarations import Catalog
from runner.errors import EnvironmentRefused, WrongUsage
from runner.jobs.folder import job_folder
from runner.local.interpreters import EnvironmentSource, Interpreters, asked_manager
from runner.local.job_lock import owner
from runner.venvs.cache import entries
from runner.venvs.needs import Needs
from tests.inference_server import DECLARED
from tests.online import Server, add_online, request_file, wait_for
from tests.projects import ScratchProject, without_mlflow
from tests.venvs.wheels import make_wheel

INDEX = "http://someone:a-key-of-mine@127.0.0.1:9/simple"  # which nobody asks, by --no-index
AUTO = {"RUNNER_ENV_MANAGER": ""}  # as where nobody says anything
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
SCRIPT = """
import sys
import tool

def init():
    pass

def run(mini_batch):
    return [f"{tool.version} {sys.prefix}" for path in mini_batch]
"""
ONLINE = """
import json, sys
import tool

def init():
    pass

def run(body):
    return [tool.version, sys.prefix]
"""
# Stands in for Azure's server, which many packages come with: what a script runs in is the same.
SERVER = """
import json, os, runpy, sys

__version__ = "1.0"
sys.modules[__name__ + ".server.create_app"] = sys.modules[__name__]

def create():
    script = runpy.run_path(os.environ["AZUREML_ENTRY_SCRIPT"])
    script["init"]()

    def app(environ, start_response):
        start_response("200 OK", [])
        return [json.dumps(script["run"]("")).encode()]

    return app
"""
TRAIN = "type: command\ncode: ./src\ncommand: python fit.py\nenvironment:\n"
FIT = """
import os, shutil, sys, time
from importlib.util import find_spec
import tool
print("version", tool.version)
print("prefix", sys.prefix == os.environ["VIRTUAL_ENV"])
print("first", os.environ["PATH"].split(os.pathsep)[0] == os.path.dirname(sys.executable))
print("click", find_spec("click"), "runner", find_spec("runner"), shutil.which("runner"))
while os.path.exists(os.environ.get("UNTIL_GONE", "")):
    time.sleep(0.05)
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    make_wheel(folder, "part", "1.0")
    make_wheel(folder, "azureml_inference_server_http", "1.0", code=SERVER)
    for version in ("1.0", "2.0"):
        make_wheel(folder, "tool", version)
    return folder


def environment(wheels: Path, version: str, indent: str = "  ") -> str:
    """Return the YAML below the key `environment`."""
    lines = [
        "image: example.azurecr.io/base:1",
        "conda_file:",
        "  dependencies:",
        f"    - python={MINOR}",
        f"    - pip: [--no-index, '--find-links {wheels}', '--extra-index-url {INDEX}',"
        f" tool=={version}]",
    ]
    return "".join(f"{indent}{line}\n" for line in lines)


@pytest.fixture
def declaring(project: ScratchProject, wheels: Path) -> ScratchProject:
    """Return a project with a batch deployment and a training job that declare the same package."""
    project.deployment("environment:\n" + environment(wheels, "1.0"))
    project.script(SCRIPT)
    project.write("models/echo/train.yml", TRAIN + environment(wheels, "1.0"))
    project.write("models/echo/src/fit.py", FIT)
    return without_mlflow(project)


def scored(project: ScratchProject) -> set[str]:
    """Return the lines of the last job's output."""
    job = project.json("jobs", "show")
    return set((Path(job["output"]) / "predictions.csv").read_text().splitlines())


def venv(project: ScratchProject, name: str) -> Path:
    return project.home / "venvs" / name / "venv"


def test_a_job_scores_in_what_its_deployment_declares_which_is_made_once(
    declaring: ScratchProject,
) -> None:
    first = declaring.run("score", "echo", "-o", "json", env=AUTO)
    assert first.returncode == 0, first.stderr
    assert "making the environment of models/echo/batch-deployment.yml" in first.stderr
    assert first.stderr.count("the image example.azurecr.io/base:1 of deployment 'main'") == 1
    interpreter = json.loads(first.stdout)["interpreter"]
    made = venv(declaring, interpreter["venv"])
    assert interpreter["python"] == str(made / "bin" / "python")
    assert interpreter["version"].startswith(f"{MINOR}.")
    assert interpreter["source"].startswith(
        str(declaring.root / "models/echo/batch-deployment.yml")
    )
    assert scored(declaring) == {f"1.0 {made}"}

    second = declaring.run("score", "echo", env=AUTO)
    assert "making" not in second.stderr
    told = f"in the venv {interpreter['venv']}, as models/echo/batch-deployment.yml"
    shown = declaring.run("jobs", "show").stdout
    assert told in second.stdout
    assert told in shown
    job = declaring.json("jobs", "show")
    assert job["interpreter"] == job["summary"]["interpreter"] == interpreter
    report = (Path(job["folder"]) / "report.html").read_text()
    assert f"in the venv {interpreter['venv']}" in report


def test_no_key_of_an_index_is_kept_or_told(declaring: ScratchProject) -> None:
    done = declaring.run("train", "echo", "-v", "-o", "json", env=AUTO)
    assert done.returncode == 0, done.stderr
    shown = declaring.run("venvs", "show", json.loads(done.stdout)["interpreter"]["venv"]).stdout
    assert "http://***@127.0.0.1:9/simple" in shown
    told = [done.stdout, done.stderr, shown, declaring.run("jobs", "show").stdout]
    kept = [file.read_bytes() for file in declaring.home.rglob("*") if file.is_file()]
    assert not [text for text in map(str, (*told, *kept)) if "a-key-of-mine" in text]


def test_a_command_has_the_declared_python_first_and_nothing_of_the_runners_own(
    declaring: ScratchProject,
) -> None:
    bin_ = Path(sys.executable).parent
    done = declaring.run(
        "train", "echo", env={**AUTO, "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}"}
    )
    assert done.returncode == 0, done.stderr
    told = ["version 1.0", "prefix True", "first True", "click None runner None None"]
    assert [line for line in done.stderr.splitlines() if line in told] == told


def test_where_the_runners_own_is_used_the_versions_that_differ_are_told_once_everywhere(
    declaring: ScratchProject,
) -> None:
    done = declaring.run("train", "echo", "-o", "json", "--env-manager", "local", env=AUTO)
    differ = "tool is missing, declared 1.0"
    assert done.stderr.count(differ) == 1
    assert "--env-manager auto" in done.stderr
    assert not entries(declaring.home)
    job = declaring.json("jobs", "show")
    assert job["interpreter"]["others"] == [
        {"name": "tool", "declared": "==1.0", "installed": None}
    ]
    assert differ in declaring.run("jobs", "show").stdout
    assert differ in (Path(job["folder"]) / "report.html").read_text()


def test_a_venv_in_use_stays_and_one_that_was_removed_is_made_again_for_a_resume(
    declaring: ScratchProject, tmp_path: Path
) -> None:
    waits = tmp_path / "waits"
    waits.touch()
    began = declaring.run("train", "echo", "--no-wait", env={**AUTO, "UNTIL_GONE": str(waits)})
    name = began.stdout.strip()
    log = job_folder(declaring.home, name) / "logs" / "command.txt"
    wait_for(lambda: log.exists() and "version" in log.read_text())
    refused = declaring.run("venvs", "remove", "--all")
    assert refused.returncode == 3
    assert "is in use by train echo (process " in refused.stderr
    assert declaring.run("venvs", "remove", "--unused").returncode == 0
    assert len(entries(declaring.home)) == 1

    # Its host is gone, and the command goes on in the venv.
    host = owner(job_folder(declaring.home, name))
    assert host is not None
    os.kill(host, signal.SIGKILL)
    wait_for(lambda: owner(job_folder(declaring.home, name)) is None)
    assert declaring.run("venvs", "remove", "--all").returncode == 3
    declaring.run("jobs", "cancel", name)
    assert declaring.run("venvs", "remove", "--all").returncode == 0
    assert not entries(declaring.home)

    waits.unlink()
    declaring.write("models/echo/train.yml", TRAIN.replace("fit", "other") + "  image: other\n")
    resumed = declaring.run("jobs", "resume", name, env=AUTO)
    assert resumed.returncode == 0, resumed.stderr
    assert "making the environment of models/echo/train.yml" in resumed.stderr
    assert log.read_text().count("version 1.0") == 2
    (entry,) = entries(declaring.home)
    assert entry.venv.declared == ("tool==1.0",)


def test_what_cannot_be_had_is_refused_before_there_is_a_job(
    declaring: ScratchProject, wheels: Path
) -> None:
    declaring.write("models/echo/train.yml", TRAIN + environment(wheels, "3.0"))
    refused = declaring.run("train", "echo", env=AUTO)
    assert refused.returncode == 2
    assert "tool" in refused.stderr.splitlines()[-1]
    assert not list(declaring.home.glob("jobs/*"))


def test_every_deployment_of_an_endpoint_has_its_own(project: ScratchProject, wheels: Path) -> None:
    project = add_online(project, "blue", "green")
    (project.home / "venvs").unlink()  # what all tests share is none of these
    for name, version in {"blue": "1.0", "green": "2.0"}.items():
        project.write(f"models/echo/{name}/score.py", ONLINE)
        declared = project.root / f"models/echo/online-deployment-{name}.yml"
        text = declared.read_text().replace(DECLARED, "")
        declared.write_text(text + "environment:\n" + environment(wheels, version))
    request = str(request_file(project.root, {}))
    asked = project.run("invoke", "here", request, "-d", "green", "--env-manager", "uv")
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout)[0] == "2.0"
    with Server(project, "here", "--env-manager", "auto") as server:
        answers = [server.ask({}, azureml_model_deployment=name)[1] for name in ("blue", "green")]
        assert [answer[0] for answer in answers] == ["1.0", "2.0"]
        assert answers[0][1] != answers[1][1]
        refused = project.run("venvs", "remove", "--all")
        assert "here/blue" in refused.stderr or "here/green" in refused.stderr
        assert len(entries(project.home)) == 2


def test_the_call_says_before_the_shell_and_that_before_the_project_what_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = Catalog(tmp_path, env_manager="conda")
    monkeypatch.setenv("RUNNER_ENV_MANAGER", "uv")
    assert asked_manager("local", catalog) == "local"
    assert asked_manager(None, catalog) == "uv"
    monkeypatch.setenv("RUNNER_ENV_MANAGER", "")
    assert asked_manager(None, catalog) == "conda"
    assert asked_manager(None, Catalog(tmp_path)) == "auto"
    monkeypatch.setenv("RUNNER_ENV_MANAGER", "conad")
    with pytest.raises(WrongUsage, match="RUNNER_ENV_MANAGER is 'conad'; did you mean 'conda'"):
        asked_manager(None, catalog)


def test_spark_is_refused_what_other_packages_than_the_runners_own_declare(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("tool==1.0\n")
    told: list[str] = []
    declaring = EnvironmentSource("deployment 'main'", None, Needs(), tmp_path, label="azureml:m:1")
    with pytest.raises(
        EnvironmentRefused,
        match=r"'main' runs in Spark, .* and requirements.txt of azureml:m:1 declares others"
        r" \(tool is missing, declared 1.0\): add --engine process .* or --env-manager local",
    ):
        Interpreters(tmp_path / "home", {}, "auto", told.append).choose_own(declaring)
    own = Interpreters(tmp_path / "home", {}, "local", told.append).choose_own(declaring)
    assert (own.python, own.others[0].name, told) == (None, "tool", [])


@pytest.mark.parametrize(
    ("declared", "had"), [("tool==2.0", {"tool==2.0"}), ("part==1.0", {"part==1.0", "tool==1.0"})]
)
def test_what_azure_brings_itself_is_added_where_no_version_of_it_is_declared(
    tmp_path: Path, wheels: Path, declared: str, had: set[str]
) -> None:
    lines = ["--no-index", f"--find-links {wheels}", declared]
    (tmp_path / "requirements.txt").write_text("\n".join(lines))
    declaring = EnvironmentSource(
        "job 'train'", None, Needs(), tmp_path, unless_declared=("tool==1.0",)
    )
    found = Interpreters(tmp_path / "home", {}, "uv", lambda _: None).choose(declaring)
    (entry,) = entries(tmp_path / "home")
    assert (entry.venv.name, set(entry.venv.resolved)) == (found.venv, had)
