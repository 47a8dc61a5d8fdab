from __future__ import annotations

from pathlib import Path

import pytest

from runner.declarations import AssetReference, Catalog, CommandJob, JobInput, read_catalog
from runner.errors import NotFound, WrongUsage
from runner.training_job import find_training_job, local_inputs

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


def given(catalog: Catalog, value: str) -> object:
    job: CommandJob = find_training_job(catalog, "echo", {"lines": value})
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
    job = find_training_job(catalog, "echo", {"times": "azureml:5"})
    assert job.inputs["times"] == "azureml:5"


def test_what_is_no_reference_is_refused(catalog: Catalog) -> None:
    with pytest.raises(WrongUsage, match="is not a reference"):
        given(catalog, "azureml:a/b")


def test_an_unknown_folder_or_input_names_the_nearest(catalog: Catalog) -> None:
    with pytest.raises(NotFound, match=r"no training job .* did you mean 'echo'"):
        find_training_job(catalog, "ehco", {})
    with pytest.raises(WrongUsage, match=r"train.yml has no input 'line'; did you mean 'lines'"):
        find_training_job(catalog, "echo", {"line": "x"})


def test_a_folder_has_one_job(catalog: Catalog) -> None:
    (catalog.folder / "echo" / "again.yml").write_text(JOB)
    with pytest.raises(WrongUsage, match=r"several jobs \(again.yml, train.yml\); keep one"):
        find_training_job(read_catalog(catalog.folder), "echo", {})


def test_a_file_that_is_not_there_is_named_with_its_input(catalog: Catalog, tmp_path: Path) -> None:
    job = find_training_job(catalog, "echo", {"lines": str(tmp_path)})
    assert local_inputs(job)["lines"] == tmp_path
    job = find_training_job(catalog, "echo", {"lines": str(tmp_path / "none")})
    with pytest.raises(NotFound, match=r"input lines: no file or folder .* --set lines=PATH"):
        local_inputs(job)


def test_a_file_for_a_declared_folder_is_refused(catalog: Catalog, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.touch()
    job = find_training_job(catalog, "echo", {"lines": str(file)})
    with pytest.raises(WrongUsage, match="is a file, not a uri_folder"):
        local_inputs(job)
