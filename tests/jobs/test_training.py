from __future__ import annotations

from pathlib import Path

import pytest

from runner.declarations import (
    AssetReference,
    Catalog,
    CommandJob,
    DeclarationError,
    JobInput,
    OtherJob,
    read_catalog,
)
from runner.errors import NotFound, WrongUsage
from runner.jobs.training import find_training_job, local_inputs
from runner.workspace import TrainingRequest

JOB = (
    "$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json\n"
    "type: command\ncommand: 'true'\nenvironment: azureml:env:1\n"
    "inputs:\n  lines: {path: ./lines, mode: download}\n  times: 3\n"
)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    (tmp_path / "echo").mkdir()
    (tmp_path / "echo" / "train.yml").write_text(JOB)
    return read_catalog(tmp_path)


def command_job(catalog: Catalog, request: TrainingRequest) -> CommandJob:
    job = find_training_job(catalog, request)
    assert isinstance(job, CommandJob)
    return job


def given(catalog: Catalog, value: str) -> object:
    job = command_job(catalog, TrainingRequest("echo", inputs={"lines": value}))
    lines = job.inputs["lines"]
    assert isinstance(lines, JobInput)
    assert (lines.type, lines.mode, job.inputs["times"]) == ("uri_folder", "download", 3)
    return lines.path


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("other", Path("other")),
        ("file:///data/other", Path("/data/other")),
        ("azureml:lines:2", AssetReference("lines", version="2")),
        ("azureml:lines@latest", AssetReference("lines", label="latest")),
        ("azureml://datastores/d/paths/p", "azureml://datastores/d/paths/p"),
        ("https://a.test/b.csv", "https://a.test/b.csv"),
        ("/subscriptions/s/data/d/versions/1", "/subscriptions/s/data/d/versions/1"),
        ("azureml:/subscriptions/s/datastores/d", "azureml:/subscriptions/s/datastores/d"),
    ],
)
def test_an_input_is_replaced_by_what_is_given(catalog: Catalog, value: str, path: object) -> None:
    assert given(catalog, value) == path


def test_a_value_is_taken_as_it_is(catalog: Catalog) -> None:
    job = command_job(catalog, TrainingRequest("echo", inputs={"times": "azureml:5"}))
    assert job.inputs["times"] == "azureml:5"


def test_what_is_no_reference_is_refused(catalog: Catalog) -> None:
    with pytest.raises(WrongUsage, match="is not a reference"):
        given(catalog, "azureml:a/b")


def test_an_unknown_folder_or_input_names_the_nearest(catalog: Catalog) -> None:
    with pytest.raises(NotFound, match=r"no job is declared in .* did you mean 'echo'"):
        find_training_job(catalog, TrainingRequest("ehco", inputs={}))
    with pytest.raises(WrongUsage, match=r"train.yml has no input 'line'; did you mean 'lines'"):
        find_training_job(catalog, TrainingRequest("echo", inputs={"line": "x"}))


def test_a_job_or_file_in_the_place_of_its_folder_is_told_how_to_be_run(catalog: Catalog) -> None:
    with pytest.raises(NotFound, match=r"did you mean `runner train echo train`\?"):
        find_training_job(catalog, TrainingRequest("train"))
    file = catalog.folder / "echo" / "train.yml"
    with pytest.raises(NotFound, match=rf"did you mean `runner train --file {file}`\?"):
        find_training_job(catalog, TrainingRequest(str(file)))


def declare(catalog: Catalog, file: str, text: str = JOB) -> Catalog:
    (catalog.folder / "echo" / file).write_text(text)
    return read_catalog(catalog.folder)


def test_of_several_jobs_train_yml_is_meant_unless_another_is_named(catalog: Catalog) -> None:
    several = declare(catalog, "again.yml")
    assert command_job(several, TrainingRequest("echo")).file.name == "train.yml"
    assert command_job(several, TrainingRequest("echo", "again")).file.name == "again.yml"
    with pytest.raises(NotFound, match="declares no job 'agian'; did you mean"):
        find_training_job(several, TrainingRequest("echo", "agian"))


def test_a_job_is_called_by_its_name_else_by_its_file(catalog: Catalog) -> None:
    named = declare(catalog, "again.yml", JOB + "name: nightly\n")
    assert command_job(named, TrainingRequest("echo", "nightly")).file.name == "again.yml"
    for file in ("again", "again.yml"):
        with pytest.raises(NotFound, match=f"declares no job '{file}'; did you mean 'nightly'"):
            find_training_job(named, TrainingRequest("echo", file))


def test_several_jobs_of_which_none_is_meant_are_listed(catalog: Catalog) -> None:
    (catalog.folder / "echo" / "train.yml").rename(catalog.folder / "echo" / "first.yml")
    several = declare(catalog, "again.yml")
    with pytest.raises(WrongUsage, match="one of again, first, as in `runner train echo again`"):
        find_training_job(several, TrainingRequest("echo"))


def test_two_jobs_of_one_name_are_refused(catalog: Catalog) -> None:
    declare(catalog, "again.yml", JOB + "name: nightly\n")
    with pytest.raises(DeclarationError, match=r"'nightly', which .*again\.yml.* once a folder"):
        declare(catalog, "other.yml", JOB + "name: nightly\n")


def test_a_job_of_any_folder_is_named_by_its_file(catalog: Catalog, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.yml"
    file.write_text(JOB)
    assert command_job(catalog, TrainingRequest(file=file)).file == file
    model = tmp_path / "model.yml"
    model.write_text("name: m\npath: ./m\n")
    with pytest.raises(WrongUsage, match=r"model\.yml declares a model, no job"):
        find_training_job(catalog, TrainingRequest(file=model))


@pytest.mark.parametrize("type_", ["sweep", "pipeline", "parallel", "automl"])
def test_jobs_of_the_other_kinds_are_found(catalog: Catalog, type_: str) -> None:
    text = f"type: {type_}\nname: big\ninputs: {{rate: 1}}\nanything: {{else: 2}}\n"
    job = find_training_job(
        declare(catalog, "other.yml", text), TrainingRequest("echo", "big", inputs={"rate": "2"})
    )
    assert isinstance(job, OtherJob)
    assert (job.type, job.inputs) == (type_, {"rate": "2"})


def test_a_kind_of_job_that_nobody_knows_is_refused(catalog: Catalog) -> None:
    schema = "$schema: https://azuremlschemas.azureedge.net/latest/sweepJob.schema.json\n"
    with pytest.raises(DeclarationError, match=r"other\.yml:2: type: found .*sweeep.*, allowed:"):
        declare(catalog, "other.yml", f"{schema}type: sweeep\n")
    with pytest.raises(DeclarationError, match=r"swepJob.*did you mean 'sweepJob'"):
        declare(catalog, "other.yml", schema.replace("sweep", "swep"))


def test_a_file_that_is_not_there_is_named_with_its_input(catalog: Catalog, tmp_path: Path) -> None:
    job = command_job(catalog, TrainingRequest("echo", inputs={"lines": str(tmp_path)}))
    assert local_inputs(job)["lines"] == tmp_path
    job = command_job(catalog, TrainingRequest("echo", inputs={"lines": str(tmp_path / "none")}))
    with pytest.raises(NotFound, match=r"input lines: no file or folder .* --set lines=PATH"):
        local_inputs(job)


def test_a_file_for_a_declared_folder_is_refused(catalog: Catalog, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.touch()
    job = command_job(catalog, TrainingRequest("echo", inputs={"lines": str(file)}))
    with pytest.raises(WrongUsage, match="is a file, not a uri_folder"):
        local_inputs(job)
