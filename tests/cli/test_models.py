from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.cli import main
from runner.local.workspace import LocalWorkspace
from runner.project import Project
from runner.workspace import Origin, Registration, TrainingRequest

from .conftest import Run, as_printed
from .memory import MemoryWorkspace


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "MLmodel").write_text("flavors: {}\n")
    return folder


@pytest.fixture
def declaration(tmp_path: Path, model: Path) -> Path:
    file = tmp_path / "model.yml"
    file.write_text(
        "name: diabetes\nversion: 4\ntype: mlflow_model\npath: model\n"
        "description: As declared\ntags: {team: a, level: b}\n"
    )
    return file


@pytest.mark.parametrize("option", [[], ["-f"], ["--file"]])
def test_register_reads_a_declaration(
    run: Run, workspace: MemoryWorkspace, declaration: Path, model: Path, option: list[str]
) -> None:
    result = run("models", "register", *option, str(declaration))
    assert result.status == 0
    assert "reference    azureml:diabetes:4\n" in result.out
    assert workspace.registrations == [
        (
            "model",
            Registration(
                "diabetes",
                model,
                "mlflow_model",
                "4",
                "As declared",
                {"team": "a", "level": "b"},
            ),
        )
    ]


def test_options_override_the_declaration(
    run: Run, workspace: MemoryWorkspace, declaration: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.pkl"
    other.write_bytes(b"")
    run(
        *("models", "register", "-f", str(declaration), "--name", "new", "--version", "5"),
        *("--type", "custom_model", "--path", str(other), "--description", ""),
        *("--tag", "team=c", "--tag", "note=x=y"),
    )
    assert workspace.registrations[0][1] == Registration(
        "new", other, "custom_model", "5", "", {"team": "c", "level": "b", "note": "x=y"}
    )


@pytest.mark.parametrize("option", [[], ["--path"]])
def test_register_takes_a_path_and_sees_that_it_is_an_mlflow_model(
    run: Run, workspace: MemoryWorkspace, model: Path, option: list[str]
) -> None:
    run("models", "register", "--name", "diabetes", *option, str(model))
    assert workspace.registrations[0][1] == Registration("diabetes", model, "mlflow_model")


def test_any_other_path_is_a_custom_model(
    run: Run, workspace: MemoryWorkspace, tmp_path: Path
) -> None:
    run("models", "register", "--name", "other", str(tmp_path))
    assert workspace.registrations[0][1].type == "custom_model"


def test_register_takes_what_a_job_wrote(run: Run, workspace: MemoryWorkspace, model: Path) -> None:
    job = workspace.train(TrainingRequest("diabetes"))
    address = f"azureml://jobs/{job.name}/outputs/model/paths/"
    workspace.models_of_jobs[job.name] = address
    workspace.files[address] = model
    result = run("models", "register", "--from-job", job.name, "--name", "diabetes", "-o", "json")
    assert workspace.registrations[0][1] == Registration("diabetes", address, None, job=job.name)
    assert json.loads(result.out) == as_printed(workspace.assets("model")[0])


def test_a_declaration_names_what_a_job_wrote(
    run: Run, workspace: MemoryWorkspace, declaration: Path, tmp_path: Path
) -> None:
    job = workspace.train(TrainingRequest("diabetes"))
    address = f"azureml://jobs/{job.name}/outputs/best/paths/"
    workspace.files[address] = tmp_path
    run("models", "register", str(declaration), "--from-job", job.name, "--output-name", "best")
    registered = workspace.registrations[0][1]
    assert (registered.name, registered.path, registered.job) == ("diabetes", address, job.name)


def test_show_tells_where_a_model_came_from(
    run: Run, workspace: MemoryWorkspace, model: Path
) -> None:
    workspace.origins["train-1"] = Origin(
        run="0a1b",
        commit="c0ffee",
        data={"table": "azureml:patients:3", "codes": "codes.csv (5f0c)"},
        metrics={"f1": 0.7512345678, "loss": float("nan")},
    )
    wanted = Registration(
        *("diabetes", model, "mlflow_model"),
        job="train-1",
        properties={"reviewed": "yes"},
        more={"stage": "Production"},
    )
    workspace.register("model", wanted)
    shown = run("models", "show", "diabetes").out.splitlines()
    start = next(number for number, line in enumerate(shown) if line.startswith("stage"))
    assert shown[start : start + 9] == [
        "stage       Production",
        "job         train-1",
        "run         0a1b",
        "commit      c0ffee",
        "data        table  azureml:patients:3",
        "            codes  codes.csv (5f0c)",
        "metrics     f1    0.751235",
        "            loss  nan",
        "properties  reviewed=yes",
    ]
    printed = json.loads(run("models", "show", "diabetes", "-o", "json").out)
    assert printed["origin"]["data"] == {
        "table": "azureml:patients:3",
        "codes": "codes.csv (5f0c)",
    }
    assert (printed["stage"], printed["properties"]) == ("Production", {"reviewed": "yes"})


def test_keys_that_mean_nothing_here_are_named_in_one_line(
    tmp_path: Path, declaration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = LocalWorkspace(Project(tmp_path, tmp_path / "models", tmp_path / ".runner"))
    with declaration.open("a") as file:
        file.write(
            "datastore: azureml:team\nstage: Production\nflavors: {python_function: {a: b}}\n"
            "system_metadata: {a: 1}\ndefault_deployment_template: {asset_id: x}\n"
        )
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            main(("models", "register", str(declaration), "-o", "json"), lambda *_: home)
        printed = capsys.readouterr()
        assert not ended.value.code
        assert json.loads(printed.out)["stage"] == "Production"
        assert printed.err == (
            "warning: model 'diabetes' is registered without what means nothing on this machine:"
            " datastore, default_deployment_template, flavors, system_metadata\n"
        )


def test_register_without_anything_shows_the_forms(run: Run) -> None:
    result = run("models", "register")
    assert result.status == 2
    assert "give -f model.yml, or --name NAME --path PATH, or --name NAME --from-job JOB" in (
        result.err
    )


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (["model"], "--name is missing"),
        (["missing"], "'missing' does not exist"),
        (["model", "--path", "model", "--name", "x"], "two paths"),
        (["model.yml", "-f", "model.yml"], "two declarations"),
        (["model", "--from-job", "job-1"], "exclude each other"),
        (["model", "--name", "x", "--tag", "team"], "'team' is not KEY=VALUE"),
    ],
)
def test_what_makes_no_sense_is_status_2(
    run: Run, workspace: MemoryWorkspace, declaration: Path, wrong: list[str], words: str
) -> None:
    result = run("models", "register", *wrong)
    assert result.status == 2
    assert words in result.err
    assert result.err.count("\n") == 1
    assert workspace.registrations == []


def test_each_problem_of_a_declaration_is_a_line(
    run: Run, workspace: MemoryWorkspace, tmp_path: Path
) -> None:
    (tmp_path / "model.yml").write_text("name: diabetes\nnam: x\npath: model\ntype: onnx\n")
    result = run("models", "register", "model.yml")
    assert result.status == 2
    assert [line.split(":")[:3] for line in result.err.splitlines()] == [
        ["error", " model.yml", "2"],
        ["error", " model.yml", "4"],
    ]
    assert workspace.registrations == []


def test_a_declared_address_is_handed_to_the_workspace(
    run: Run, workspace: MemoryWorkspace, model: Path, tmp_path: Path
) -> None:
    address = "runs:/0a1b/model"
    workspace.files[address] = model
    (tmp_path / "model.yml").write_text(f"name: diabetes\npath: {address}\n")
    run("models", "register", "model.yml")
    run("models", "register", "--name", "other", "--path", address)
    assert [wanted.path for _, wanted in workspace.registrations] == [address, address]


def register_versions(run: Run, model: Path, *names: str) -> None:
    """Register another content under each of the names, in their order."""
    for number, name in enumerate(names):
        (model / "MLmodel").write_text(f"flavors: {{}} # {number}\n")
        assert run("models", "register", "--name", name, str(model)).status == 0


def test_list_shows_the_latest_version_of_each(run: Run, model: Path) -> None:
    register_versions(run, model, "other", "diabetes", "diabetes")
    lines = [line.split()[:3] for line in run("models", "list").out.splitlines()]
    assert lines == [
        ["name", "version", "type"],
        ["diabetes", "2", "mlflow_model"],
        ["other", "1", "mlflow_model"],
    ]


def test_list_of_a_name_shows_its_every_version(run: Run, model: Path) -> None:
    register_versions(run, model, "other", "diabetes", "diabetes")
    listed = json.loads(run("models", "list", "--name", "diabetes", "-o", "json").out)
    assert [(model["name"], model["version"]) for model in listed] == [
        ("diabetes", "2"),
        ("diabetes", "1"),
    ]


def test_list_of_an_unknown_name_is_status_3(run: Run) -> None:
    assert run("models", "list", "--name", "unknown").status == 3


def test_an_empty_list_says_so_on_stderr(run: Run) -> None:
    result = run("models", "list")
    assert (result.status, result.out) == (0, "")
    assert "runner models register" in result.err


@pytest.mark.parametrize(
    ("reference", "version"),
    [
        ("diabetes", "2"),
        ("diabetes@latest", "2"),
        ("diabetes:1", "1"),
        ("azureml:diabetes:1", "1"),
    ],
)
def test_show_takes_every_form_of_a_reference(
    run: Run, model: Path, reference: str, version: str
) -> None:
    register_versions(run, model, "diabetes", "diabetes")
    shown = json.loads(run("models", "show", reference, "-o", "json").out)
    assert shown["version"] == version


def test_show_of_an_unknown_model_is_status_3(run: Run) -> None:
    assert run("models", "show", "unknown").status == 3


def test_download_goes_to_a_folder_named_as_the_model(
    run: Run, workspace: MemoryWorkspace, model: Path
) -> None:
    run("models", "register", "--name", "diabetes", str(model))
    assert run("models", "download", "diabetes").out == "diabetes\n"
    run("models", "download", "diabetes:1", "-p", "out")
    assert workspace.downloads == [
        ("azureml:diabetes:1", Path("diabetes")),
        ("azureml:diabetes:1", Path("out")),
    ]
