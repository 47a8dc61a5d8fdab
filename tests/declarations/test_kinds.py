from pathlib import Path

import pytest

from runner.declarations import (
    BatchDeployment,
    BatchEndpoint,
    CommandJob,
    Data,
    DeclarationError,
    Environment,
    Model,
    OnlineDeployment,
    OnlineEndpoint,
    read,
    read_as,
)

from .conftest import Write

DEPLOYMENT = "name: abc\nendpoint_name: def\nmodel: azureml:m:1\n"


@pytest.mark.parametrize(
    ("schema", "text", "kind"),
    [
        ("model", "name: m\npath: p\n", Model),
        ("data", "name: m\npath: p\n", Data),
        ("environment", "name: m\nimage: p\n", Environment),
        ("batchEndpoint", "name: abc\n", BatchEndpoint),
        ("batchDeployment", DEPLOYMENT, BatchDeployment),
        ("modelBatchDeployment", DEPLOYMENT, BatchDeployment),
        ("managedOnlineEndpoint", "name: abc\n", OnlineEndpoint),
        ("onlineEndpoint", "name: abc\n", OnlineEndpoint),
        ("managedOnlineDeployment", DEPLOYMENT + "instance_type: a\n", OnlineDeployment),
        ("commandJob", "command: a\nenvironment: azureml:e:1\n", CommandJob),
    ],
)
def test_the_schema_says_what_a_file_declares(
    write: Write, schema: str, text: str, kind: type
) -> None:
    for address in ("https://azuremlschemas.azureedge.net/latest", "http://other/v1"):
        file = write("any.yml", f"$schema: {address}/{schema}.schema.json\n{text}")
        assert type(read(file)) is kind


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("x.yml", "name: m\npath: p\ntype: mlflow_model\n", Model),
        ("x.yml", "name: m\npath: p\ntype: uri_file\n", Data),
        ("x.yml", "name: m\nimage: p\n", Environment),
        ("x.yml", "name: m\nimage: a\nconda_file: p\n", Environment),
        ("x.yml", "name: abc\ndefaults: {deployment_name: def}\n", BatchEndpoint),
        ("x.yml", "name: abc\ntraffic: {def: 100}\n", OnlineEndpoint),
        ("x.yml", "name: abc\nauth_mode: key\n", OnlineEndpoint),
        ("x.yml", DEPLOYMENT + "compute: a\n", BatchDeployment),
        ("x.yml", DEPLOYMENT + "mini_batch_size: 1\n", BatchDeployment),
        ("x.yml", DEPLOYMENT + "type: model\n", BatchDeployment),
        ("x.yml", DEPLOYMENT + "instance_type: a\n", OnlineDeployment),
        ("x.yml", "command: a\nenvironment: azureml:e:1\n", CommandJob),
        ("batch-endpoint.yml", "name: abc\n", BatchEndpoint),
        ("online_endpoint.yaml", "name: abc\n", OnlineEndpoint),
        ("my-batch-deployment.yml", DEPLOYMENT, BatchDeployment),
        ("model.yml", "name: m\npath: p\n", Model),
        ("data.yaml", "name: m\npath: p\n", Data),
    ],
)
def test_without_a_schema_keys_and_then_the_file_name_say_it(
    write: Write, name: str, text: str, kind: type
) -> None:
    assert type(read(write(name, text))) is kind


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.yml", "name: abc\n"),
        ("endpoint.yml", "name: abc\n"),
        ("deployment.yml", DEPLOYMENT),
        ("x.yml", DEPLOYMENT + "settings: {}\ninstance_type: a\n"),
    ],
)
def test_an_open_question_asks_for_the_schema(write: Write, name: str, text: str) -> None:
    with pytest.raises(DeclarationError, match="can't tell what this declares, add a \\$schema"):
        read(write(name, text))


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ("x/batchEndpont.schema.json", "not supported; did you mean 'batchEndpoint'?"),
        ("x/kubernetesOnlineEndpoint.schema.json", "Kubernetes endpoints are not supported"),
        ("[]", "$schema: found a list, allowed: an address"),
    ],
)
def test_an_unknown_schema_is_refused(write: Write, schema: str, words: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        read(write("x.yml", f"$schema: {schema}\nname: abc\n"))
    assert words in str(caught.value)
    assert caught.value.problems[0].line == 1


def test_a_file_of_another_kind_is_refused(write: Write) -> None:
    file = write("x.yml", "$schema: x/data.schema.json\nname: d\npath: p\n")
    with pytest.raises(DeclarationError, match="found a data asset, allowed: a model here"):
        read_as(file, Model)


def test_a_record_knows_its_file(write: Write, tmp_path: Path) -> None:
    assert read(write("sub/model.yml", "name: m\npath: p\n")).file == tmp_path / "sub/model.yml"


def test_a_schedule_that_monitors_a_model_is_refused_with_a_way_out(write: Write) -> None:
    text = "$schema: http://azureml/sdk-2-0/Schedule.json\nname: m\ncreate_monitor: {}\n"
    with pytest.raises(DeclarationError) as caught:
        read(write("monitoring.yml", text))
    assert "3: create_monitor: model monitoring schedules are not declared" in str(caught.value)
    assert "`az ml schedule create --file FILE`" in str(caught.value)
