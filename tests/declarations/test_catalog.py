from pathlib import Path
from typing import Any

import pytest

from runner.declarations import CommandJob, DeclarationError, read_catalog

from .conftest import BATCH_DEPLOYMENT, BATCH_ENDPOINT, MODEL, ONLINE_DEPLOYMENT, Write


def wrong(models: Path) -> str:
    with pytest.raises(DeclarationError) as caught:
        read_catalog(models)
    return str(caught.value)


def test_everything_declared_is_found_by_name(models: Path) -> None:
    catalog = read_catalog(models)
    assert catalog.folder == models
    assert list(catalog.models) == ["diabetes-mlflow"]
    assert list(catalog.data) == ["patients-unlabeled"]
    assert list(catalog.batch_endpoints) == ["diabetes-batch"]
    assert list(catalog.batch_deployments["diabetes-batch"]) == ["mlflow"]
    assert list(catalog.online_endpoints) == ["diabetes-online"]
    assert list(catalog.online_deployments["diabetes-online"]) == ["blue"]
    assert catalog.default_endpoint is None


def test_jobs_and_environments_are_found(write: Write, models: Path) -> None:
    write("models/diabetes/train.yml", "command: run\nenvironment: azureml:e:1\n")
    write("models/diabetes/env.yaml", "name: e\nimage: a\nconda_file: conda.yml\n")
    catalog = read_catalog(models)
    (job,) = catalog.jobs["diabetes"].values()
    assert isinstance(job, CommandJob)
    assert job.command == "run"
    assert list(catalog.environments) == ["e"]


def test_other_files_are_left_alone(write: Write, models: Path) -> None:
    write("models/diabetes/conda.yml", "name: env\nchannels: []\ndependencies: [python]\n")
    write("models/diabetes/environment.yml", "name: env\ndependencies: [python]\n")
    write("models/diabetes/params.yaml", "rate: {{ not yaml\n")
    write("models/diabetes/empty.yaml", "")
    write("models/diabetes/MLmodel", "flavors: {}\n")
    write("models/diabetes/notes.txt", "$schema: x\n")
    write("models/diabetes/model/conda.yaml", "$schema: nonsense\n")
    write("models/.hidden/model.yml", "nonsense: 1\n")
    write("models/model.yml", "nonsense: 1\n")
    assert list(read_catalog(models).models) == ["diabetes-mlflow"]


def test_a_model_folder_two_levels_deep_is_told_with_where_it_would_be_read(
    write: Write, models: Path
) -> None:
    write("models/team/churn/batch-endpoint.yml", BATCH_ENDPOINT)
    write("models/.parked/old/batch-endpoint.yml", BATCH_ENDPOINT)
    write("models/diabetes/later/batch-endpoint.yml", BATCH_ENDPOINT)
    write("models/notebooks/model/conda.yaml", "dependencies: [python]\n")
    assert wrong(models) == (
        f"{models}/team/churn/batch-endpoint.yml: declarations are read one folder below {models}:"
        f" move {models}/team/churn to {models}/churn, or rename {models}/team to .team to leave it"
        " out"
    )


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("odd.yml", "$schema: x/finetuningJob.schema.json\n", "a kind that is not supported"),
        ("odd.yml", "$schema: x\na: {{\n", "not valid YAML"),
        ("my-endpoint.yml", "name: abc\n", "can't tell what this declares"),
        ("deployment.yml", "[]\n", "found a list, allowed: a mapping"),
        ("data.yaml", "", "the file is empty"),
    ],
)
def test_a_file_that_means_to_be_a_declaration_must_load(
    write: Write, models: Path, name: str, text: str, words: str
) -> None:
    write(f"models/other/{name}", text)
    assert words in wrong(models)


def test_the_problems_of_all_files_come_at_once_in_order(write: Write, models: Path) -> None:
    write("models/b/model.yml", "name: m\n")
    write("models/a/data.yml", "name: d\npath: p\ntype: x\nversoin: 1\n")
    lines = wrong(models).splitlines()
    assert [line.split(": ")[1] for line in lines] == ["type", "versoin", "path"]
    assert "a/data.yml:3: " in lines[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BATCH_ENDPOINT, "found 'diabetes-batch', which"),
        (BATCH_DEPLOYMENT, "found 'mlflow', which"),
        (ONLINE_DEPLOYMENT, "found 'blue', which"),
        (MODEL, "found 'diabetes-mlflow', which"),
        ("name: diabetes-batch\nauth_mode: key\n", "found 'diabetes-batch', which"),
    ],
)
def test_what_is_declared_twice_names_both_files(
    write: Write, models: Path, text: str, words: str
) -> None:
    write("models/second/again.yml", text)
    message = wrong(models)
    assert words in message
    assert "models/second/again.yml" in message
    assert "models/diabetes/" in message
    assert "\n" not in message


def test_deployments_of_one_name_behind_two_endpoints_are_fine(write: Write, models: Path) -> None:
    write("models/other/batch-endpoint.yml", BATCH_ENDPOINT.replace("diabetes-batch", "other"))
    write("models/other/deployment.yml", BATCH_DEPLOYMENT.replace("diabetes-batch", "other"))
    assert set(read_catalog(models).batch_deployments) == {"diabetes-batch", "other"}


def test_a_deployment_of_an_undeclared_endpoint_names_the_nearest(
    write: Write, models: Path
) -> None:
    text = BATCH_DEPLOYMENT.replace("diabetes-batch", "diabetes-bach")
    write("models/other/deployment.yml", text)
    message = wrong(models)
    assert "other/deployment.yml:4: endpoint_name: no batch endpoint 'diabetes-bach' is" in message
    assert message.endswith("did you mean 'diabetes-batch'?")


def test_a_batch_deployment_of_an_online_endpoint_says_so(write: Write, models: Path) -> None:
    text = BATCH_DEPLOYMENT.replace("diabetes-batch", "diabetes-online")
    write("models/other/deployment.yml", text)
    assert wrong(models).endswith("'diabetes-online' is declared, it is of the other kind")


def test_a_default_deployment_must_be_declared(write: Write, models: Path) -> None:
    text = BATCH_ENDPOINT.replace("mlflow", "mlfow")
    write("models/diabetes/batch-endpoint.yml", text)
    message = wrong(models)
    assert "batch-endpoint.yml:6: defaults.deployment_name: no deployment 'mlfow'" in message
    assert message.endswith("did you mean 'mlflow'?")


def test_traffic_must_go_to_declared_deployments(write: Write, models: Path) -> None:
    text = "name: diabetes-online\ntraffic: {blue: 90, gren: 10}\n"
    write("models/diabetes/online-endpoint.yml", text)
    message = wrong(models)
    assert "online-endpoint.yml:2: traffic.gren: no deployment 'gren' is declared" in message


def test_traffic_is_mirrored_to_a_deployment_that_gets_none(write: Write, models: Path) -> None:
    text = "name: diabetes-online\ntraffic: {blue: 0}\nmirror_traffic: {blue: 10}\n"
    write("models/diabetes/online-endpoint.yml", text)
    read_catalog(models)
    write("models/diabetes/online-endpoint.yml", text.replace("blue: 0", "blue: 100"))
    message = wrong(models)
    assert "online-endpoint.yml:3: mirror_traffic.blue: found 'blue', which gets 100" in message


def test_the_data_beside_an_endpoint_is_that_of_its_folder(write: Write, models: Path) -> None:
    endpoint = read_catalog(models).batch_endpoints["diabetes-batch"]
    found = read_catalog(models).data_beside(endpoint)
    assert found is not None
    assert found.name == "patients-unlabeled"
    write("models/diabetes/labeled.yml", "name: labeled\npath: p\ntype: uri_file\n")
    assert read_catalog(models).data_beside(endpoint) == found
    (models / "diabetes/data.yml").unlink()
    write("models/diabetes/third.yml", "name: third\npath: p\ntype: uri_file\n")
    assert read_catalog(models).data_beside(endpoint) is None


def test_an_empty_folder_declares_nothing_and_a_missing_one_is_an_error(tmp_path: Path) -> None:
    assert read_catalog(tmp_path).models == {}
    assert wrong(tmp_path / "none").endswith("none: there is no such folder")


def test_a_folder_that_cannot_be_read_is_an_error(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert wrong(models).endswith("models: the folder can't be read: Permission denied")


def test_a_file_that_cannot_be_read_is_left_alone_unless_it_is_named_like_a_declaration(
    write: Write, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("models/diabetes/params.yaml", "a: 1\n")
    opened = Path.open

    def refuse(name: str) -> None:
        def open_or_refuse(file: Path, *args: Any, **kwargs: Any) -> Any:
            if file.name == name:
                raise PermissionError(13, "Permission denied", str(file))
            return opened(file, *args, **kwargs)

        monkeypatch.setattr(Path, "open", open_or_refuse)

    refuse("params.yaml")
    assert list(read_catalog(models).models) == ["diabetes-mlflow"]
    refuse("model.yml")
    assert wrong(models).endswith("model.yml: the file can't be read: Permission denied")


def test_the_sample_of_this_repository_loads() -> None:
    catalog = read_catalog(Path(__file__).parents[2] / "models")
    assert catalog.batch_endpoints["diabetes-batch"].defaults.deployment_name is not None
