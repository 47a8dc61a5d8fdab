from __future__ import annotations

import os
import socket
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from runner.declarations import BatchSettings, RetrySettings, read_catalog
from runner.engine.plan import Plan, Settings
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.invocation.request import resolve
from runner.local.assets import register
from runner.local.database import opened
from runner.local.endpoints import DeclaredEndpoints
from runner.local.invocation import plan_job
from runner.local.job_records import insert_job
from runner.local.workspace import LocalWorkspace
from runner.project import Project
from runner.workspace import Invocation, Job, JobStatus, Registration
from tests.java import java
from tests.projects import ScratchProject

CORES = len(os.sched_getaffinity(0))


def plan(project: ScratchProject, **asked: Any) -> tuple[Plan, tuple[str, ...]]:
    """Return the plan of a job of the project's endpoint, and the notices."""
    catalog = read_catalog(project.root / "models")
    invocation = Invocation(**asked)
    request = resolve(invocation, catalog, DeclaredEndpoints(catalog))
    workspace = LocalWorkspace(Project(project.root, catalog.folder, project.home))
    planned, _, _, notices = plan_job(
        project.home, catalog, request, invocation, "job-1", workspace
    )
    return planned, notices


def notices_of_registering(project: ScratchProject, times: int) -> list[str]:
    """Return the notices of scoring the project's endpoint that many times."""
    told: list[str] = []
    catalog = read_catalog(project.root / "models")
    invocation = Invocation()
    request = resolve(invocation, catalog, DeclaredEndpoints(catalog))
    workspace = LocalWorkspace(Project(project.root, catalog.folder, project.home))
    workspace.on_notice = told.append
    for _ in range(times):
        plan_job(project.home, catalog, request, invocation, "job-1", workspace)
    return told


def processes(project: ScratchProject, **asked: Any) -> int:
    return plan(project, **asked)[0].settings.processes


@pytest.fixture(autouse=True)
def _in_the_project(project: ScratchProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root)


def test_what_is_declared_runs_in_no_more_processes_than_there_are_cores(
    project: ScratchProject,
) -> None:
    project.deployment(f"resources: {{instance_count: {CORES + 3}}}\n")
    assert processes(project) == CORES
    assert processes(project, mini_batch_size=1, settings={"error_threshold": "0"}) == CORES


@pytest.mark.parametrize(
    "asked",
    [
        {"instance_count": CORES + 3},
        {"settings": {"instance_count": str(CORES + 3)}},
        {"settings": {"resources.instance_count": str(CORES + 3)}},
        {"settings": {"max_concurrency_per_instance": "1"}},
        {"settings": {"settings.max_concurrency_per_instance": "1"}},
    ],
)
def test_who_asks_for_processes_gets_them_also_for_as_many_as_are_declared(
    project: ScratchProject, asked: dict[str, Any]
) -> None:
    project.deployment(f"resources: {{instance_count: {CORES + 3}}}\n")
    assert processes(project, **asked) == CORES + 3


@pytest.mark.parametrize("in_place", [True, False])
def test_keys_that_mean_nothing_here_are_named_once_and_not_at_each_score(
    project: ScratchProject, in_place: bool
) -> None:
    keys = "stage: Production, datastore: team, flavors: {a: {b: c}}"
    if in_place:
        deployment = project.root / "models" / "echo" / "batch-deployment.yml"
        text = deployment.read_text().replace(
            "azureml:greeting@latest", f"{{path: ./greeting, {keys}}}"
        )
        deployment.write_text(text)
    else:
        project.write(
            "models/echo/model.yml",
            f"name: greeting\npath: ./greeting\n{keys.replace(', ', chr(10))}\n",
        )
    name = "echo-main" if in_place else "greeting"
    assert notices_of_registering(project, times=3) == [
        f"model {name!r} is registered without what means nothing on this machine: datastore,"
        " flavors"
    ]


def test_a_pattern_scores_the_files_it_matches(project: ScratchProject) -> None:
    project.write("data/lines/_SUCCESS", "")
    project.write("data/lines/more/f.txt", "")
    planned, notices = plan(project, data=f"{project.input}/f*.txt")
    assert [file.name for file in planned.files] == ["f000.txt", "f001.txt"]
    assert notices == ()


def test_files_in_subfolders_are_noticed(project: ScratchProject) -> None:
    project.write("data/lines/more/f.txt", "")
    for data in (None, str(project.input)):
        planned, notices = plan(project, data=data)
        assert len(planned.files) == 2
        assert notices[-1].startswith("1 file in a subfolder is not scored, such as ")


def test_what_the_ignore_file_of_a_folder_leaves_out_is_not_scored_and_noticed(
    project: ScratchProject,
) -> None:
    project.write("data/lines/.amlignore", ".amlignore\nf001.txt\nmore/g.txt\n")
    project.write("data/lines/more/f.txt", "")
    project.write("data/lines/more/g.txt", "")
    given, notices = plan(project, data=str(project.input))
    assert [file.name for file in given.files] == ["f000.txt"]
    assert notices[0] == (
        f"2 files are not scored, as {project.input}/.amlignore leaves them out;"
        " --data takes a pattern as well"
    )
    assert notices[1].startswith("1 file in a subfolder is not scored, such as ")
    # The data asset that is declared from the folder has the same files.
    registered, notices = plan(project)
    assert [file.name for file in registered.files] == ["f000.txt"]
    assert len(notices) == 1
    # Who names files gets them.
    named, notices = plan(project, data=f"{project.input}/f*.txt")
    assert ([file.name for file in named.files], notices) == (["f000.txt", "f001.txt"], ())


def test_an_input_of_which_everything_is_ignored_is_refused(project: ScratchProject) -> None:
    project.write("data/lines/.gitignore", "*\n")
    with pytest.raises(WrongUsage, match=r"\.gitignore leaves out every file of .*lines: take"):
        plan(project, data=str(project.input))


@pytest.mark.parametrize("given", ["nowhere", "x" * 5000, "~nobody-of-that-name/data", "a\0b"])
def test_data_that_is_not_there_gets_a_way_out(project: ScratchProject, given: str) -> None:
    with pytest.raises(NotFound) as caught:
        plan(project, data=given)
    assert str(caught.value) == (
        f"no file or folder {given}; check the path, or name a data asset as azureml:NAME@latest"
    )


def test_the_bare_name_of_a_data_asset_gets_its_reference(project: ScratchProject) -> None:
    with pytest.raises(NotFound, match=r"write azureml:lines@latest$"):
        plan(project, data="lines")


def edit(path: Path) -> None:
    """Write something as long as before, a while after whatever was registered."""
    path.write_text("H" + path.read_text()[1:])
    moment = time.time() + 10
    os.utime(path, (moment, moment))


def test_an_untouched_project_has_no_notices(project: ScratchProject) -> None:
    assert plan(project)[1] == ()
    assert plan(project)[1] == ()


def test_data_and_models_edited_since_they_were_registered_are_noticed(
    project: ScratchProject,
) -> None:
    plan(project)
    edit(project.input / "f000.txt")
    data = (
        f"{project.input} looks changed since azureml:lines:1 was registered;"
        f" `runner data register -f {project.root}/models/echo/data.yml` registers it as it is"
    )
    assert plan(project)[1] == (data,)
    edit(project.root / "models/echo/greeting/greeting.txt")
    model = (
        f"{project.root}/models/echo/greeting looks changed since azureml:greeting:1 was"
        f" registered; `runner models register -f {project.root}/models/echo/model.yml` registers"
        " it as it is"
    )
    assert plan(project)[1] == (model, data)
    assert plan(project, data="azureml:lines@latest")[1] == (model, data)
    assert plan(project, data="data/lines")[1] == (model,)


def test_a_model_that_another_environment_made_is_no_older_copy_of_the_declared_one(
    project: ScratchProject,
) -> None:
    other = project.write("other/greeting/greeting.txt", "Good day").parent
    registered = Registration(
        "greeting", other, "custom_model", tags={"promoted_from": "lake", "promoted_version": "1"}
    )
    LocalWorkspace(Project(project.root, project.root / "models", project.home)).register(
        "model", registered
    )
    assert plan(project)[1] == ()


def test_who_asks_for_a_version_is_not_told_of_newer_files(project: ScratchProject) -> None:
    plan(project)
    edit(project.input / "f000.txt")
    assert plan(project, data="azureml:lines:1")[1] == ()


def test_the_command_in_the_notice_ends_it(project: ScratchProject) -> None:
    plan(project)
    (project.input / "f000.txt").write_text("another line\n")
    command = plan(project)[1][0].split("`")[1]
    assert project.run(*command.split()[1:]).returncode == 0
    planned, notices = plan(project)
    assert notices == ()
    assert Path(planned.input, "f000.txt").read_text() == "another line\n"


def test_what_came_from_elsewhere_is_meant_to_differ(
    project: ScratchProject, tmp_path: Path
) -> None:
    plan(project)
    with opened(project.home) as connection:
        insert_job(connection, Job("train-1", "command", JobStatus.COMPLETED, "2025-01-01"))
    made = project.write("made/greeting/greeting.txt", "from a job\n").parent
    register(project.home, "model", Registration("greeting", made, "custom_model", job="train-1"))
    other = project.write("other-lines/f.txt", "other\n").parent
    register(project.home, "data", Registration("lines", other, "uri_folder"))
    assert plan(project)[1] == ()


def test_a_model_declared_in_the_deployment_is_always_as_it_is_on_disk(
    project: ScratchProject,
) -> None:
    file = project.root / "models/echo/batch-deployment.yml"
    file.write_text(
        file.read_text().replace(
            "azureml:greeting@latest", "{path: ./greeting, type: custom_model}"
        )
    )
    plan(project)
    edit(project.root / "models/echo/greeting/greeting.txt")
    planned, notices = plan(project)
    assert notices == ()
    assert Path(planned.model or "", "greeting.txt").read_text() == "Hello\n"


def test_declared_files_that_are_gone_do_not_keep_what_is_registered_from_being_scored(
    project: ScratchProject,
) -> None:
    plan(project)
    (project.root / "data/lines").rename(project.root / "data/moved")
    planned, notices = plan(project)
    assert (len(planned.files), notices) == (2, ())


@pytest.fixture
def _a_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path / "jdk", 'openjdk version "17.0.15"')))


def spark_model(project: ScratchProject) -> None:
    """Replace the deployment by one of a Spark ML model, of which only the MLmodel is there."""
    project.write(
        "models/echo/pipeline/MLmodel",
        "flavors:\n  python_function: {loader_module: mlflow.spark, data: sparkml}\n"
        "  spark: {model_data: sparkml, model_class: pyspark.ml.pipeline.PipelineModel}\n",
    )
    project.write(
        "models/echo/batch-deployment.yml",
        "$schema: https://azuremlschemas.azureedge.net/latest/modelBatchDeployment.schema.json\n"
        "name: main\nendpoint_name: echo\nmodel: {path: ./pipeline, type: mlflow_model}\n",
    )


@pytest.mark.usefixtures("_a_java")
def test_the_call_says_before_the_deployment_and_that_before_the_model_what_runs_a_job(
    project: ScratchProject,
) -> None:
    assert plan(project)[0].settings.engine == "process"
    assert plan(project, engine="spark")[0].settings.engine == "spark"
    project.deployment("settings: {environment_variables: {RUNNER_ENGINE: spark}}\n")
    assert plan(project)[0].settings.engine == "spark"
    assert plan(project, engine="process")[0].settings.engine == "process"
    spark_model(project)
    assert plan(project)[0].settings.engine == "spark"
    assert plan(project, engine="process")[0].settings.engine == "process"


def test_an_engine_that_there_is_not_is_refused(project: ScratchProject) -> None:
    project.deployment("settings: {environment_variables: {RUNNER_ENGINE: sparkle}}\n")
    with pytest.raises(WrongUsage, match="RUNNER_ENGINE is 'sparkle'; it is one of process, spark"):
        plan(project)


def test_a_job_for_spark_is_refused_before_anything_is_written_where_there_is_no_java(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path / "jdk", 'openjdk version "11.0.2"')))
    spark_model(project)
    with pytest.raises(EnvironmentRefused, match=r"Spark runs on Java 17 or 21, and .* is Java 11"):
        LocalWorkspace(Project(project.root, project.root / "models", project.home)).invoke(
            Invocation()
        )
    assert not list(project.home.glob("jobs/*"))
    with socket.create_server(("127.0.0.1", 0)) as cluster:
        project.deployment(
            "settings: {environment_variables: {RUNNER_ENGINE: spark,"
            f" RUNNER_SPARK_MASTER: 'sc://127.0.0.1:{cluster.getsockname()[1]}'}}}}\n"
        )
        assert plan(project)[0].settings.engine == "spark"


def test_every_setting_of_the_engine_has_one_source() -> None:
    declared = [field.name for record in (BatchSettings, RetrySettings) for field in fields(record)]
    own = [field.name for field in fields(Invocation) if "only_here" in field.metadata]
    for setting in fields(Settings):
        sources = [*declared, *own, "processes"]
        assert sources.count(setting.name) == 1, setting.name


def test_a_secret_that_azure_reads_is_given_here_in_the_environment_and_stays_out_of_the_plan(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "${{azureml://connections/openai/credentials/key}}"
    project.deployment(f"settings: {{environment_variables: {{KEY: '{key}', LEVEL: '1'}}}}\n")
    with pytest.raises(WrongUsage, match="KEY is a secret that Azure alone reads"):
        plan(project)
    monkeypatch.setenv("KEY", "a-secret")
    variables = plan(project)[0].environment_variables
    assert variables["LEVEL"] == "1"
    assert "KEY" not in variables
