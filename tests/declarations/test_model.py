from pathlib import Path

import pytest

from runner.declarations import AssetReference, BatchDeployment, DeclarationError, Model, read_as

from .conftest import Write


def deployed(write: Write, model: str) -> AssetReference | Model | None:
    text = f"name: mlflow\nendpoint_name: diabetes-batch\nmodel: {model}\n"
    return read_as(write("sub/batch-deployment.yml", text), BatchDeployment).model


def test_every_key_of_the_command_line_schema_is_read(write: Write, tmp_path: Path) -> None:
    text = """
        $schema: https://azuremlschemas.azureedge.net/latest/model.schema.json
        name: diabetes
        version: 1.10
        type: MLFLOW_MODEL
        path: ../trained/model
        description: What it does
        stage: Production
        tags: {task: classification, year: 2024}
        properties: {a: b}
        flavors: {python_function: {python_version: 3.11}}
        datastore: azureml:workspaceblobstore
        system_metadata: {a: 1}
        default_deployment_template: {asset_id: azureml://registries/r/deploymenttemplates/t}
        allowed_deployment_templates: [{asset_id: x}]
        id: ignored
        creation_context: {created_by: someone}
    """
    file = write("sub/model.yml", text)
    model = read_as(file, Model)
    assert (model.name, model.version, model.type) == ("diabetes", "1.10", "mlflow_model")
    assert model.path == tmp_path / "trained/model"
    assert model.tags == {"task": "classification", "year": "2024"}
    assert model.flavors == {"python_function": {"python_version": 3.11}}
    assert (model.stage, model.file) == ("Production", file)
    template = {"asset_id": "azureml://registries/r/deploymenttemplates/t"}
    assert model.default_deployment_template == template
    assert model.allowed_deployment_templates == ({"asset_id": "x"},)


@pytest.mark.parametrize("version", ["1.10", "3", "012", "2024-01-01", "on", "'7'", "1e5"])
def test_a_version_is_the_text_that_was_written(write: Write, version: str) -> None:
    model = read_as(write("model.yml", f"name: m\npath: m\nversion: {version}\n"), Model)
    assert model.version == version.strip("'")


@pytest.mark.parametrize(
    "address",
    [
        "azureml://datastores/d/paths/model",
        "azureml://jobs/j/outputs/artifacts/paths/model",
        "runs:/abc/model",
        "https://account.blob.core.windows.net/c/model",
    ],
)
def test_an_address_stays_text(write: Write, address: str) -> None:
    assert read_as(write("model.yml", f"name: m\npath: {address}\n"), Model).path == address


def test_a_file_address_is_a_local_path(write: Write) -> None:
    model = read_as(write("model.yml", "name: m\npath: file:///srv/model\n"), Model)
    assert model.path == Path("/srv/model")


@pytest.mark.parametrize("path", ["'https://a b/c'", '"https://a\\nb"', "' '"])
def test_a_path_that_is_none_is_refused(write: Write, path: str) -> None:
    with pytest.raises(DeclarationError, match=r"path: found the text .*, allowed: a path"):
        read_as(write("model.yml", f"name: m\npath: {path}\n"), Model)


@pytest.mark.parametrize("missing", ["name", "path"])
def test_name_and_path_are_required(write: Write, missing: str) -> None:
    keys = {"name": "m", "path": "p"}
    text = "".join(f"{key}: {value}\n" for key, value in keys.items() if key != missing)
    with pytest.raises(DeclarationError, match=rf"model\.yml:1: {missing}: missing, and required"):
        read_as(write("model.yml", text), Model)


def test_a_deployment_refers_to_a_model(write: Write) -> None:
    assert deployed(write, "azureml:diabetes:3") == AssetReference("diabetes", version="3")
    assert deployed(write, "azureml:diabetes") == AssetReference("diabetes", label="latest")


def test_a_deployment_holds_a_model(write: Write, tmp_path: Path) -> None:
    model = deployed(write, "{path: ../model, type: mlflow_model, name: a, version: 2}")
    assert isinstance(model, Model)
    assert (model.path, model.type) == (tmp_path / "model", "mlflow_model")
    assert (model.name, model.version) == ("a", "2")


@pytest.mark.parametrize("written", ["./m", "file:m", "file:./m"])
def test_a_deployment_has_a_path_for_a_model(write: Write, tmp_path: Path, written: str) -> None:
    model = deployed(write, written)
    assert isinstance(model, Model)
    assert (model.path, model.type) == (tmp_path / "sub/m", "custom_model")
    write("sub/m/MLmodel", "")
    model = deployed(write, written)
    assert isinstance(model, Model)
    assert model.type == "mlflow_model"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("diabetes", "model: found 'diabetes', allowed: azureml:<name>:<version>"),
        ("https://a/b", "model: found 'https://a/b', allowed"),
        ("azureml:a b:1", "model: 'a b' in 'azureml:a b:1', allowed: 1 to 255"),
        ("azureml://registries/r/environments/e/labels/latest", "allowed: models"),
        ("3", "model: found the number '3', allowed: azureml:<name>:<version>"),
        ("{pth: m}", "model.pth: unknown key; did you mean 'path'?"),
        (
            "{path: m, default_deployment_template: {asset: x}}",
            "model.default_deployment_template.asset: unknown key",
        ),
        (
            "{path: m, allowed_deployment_templates: [{}]}",
            "model.allowed_deployment_templates[0].asset_id: missing, and required",
        ),
    ],
)
def test_anything_else_is_refused(write: Write, written: str, words: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        deployed(write, written)
    assert words in str(caught.value)
