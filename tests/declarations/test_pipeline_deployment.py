from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runner.declarations import (
    AssetReference,
    DeclarationError,
    PipelineDeployment,
    lay_over,
    read,
    read_catalog,
    read_stack,
)

Write = Callable[[str, str], Path]

SCHEMAS = "$schema: https://azuremlschemas.azureedge.net/latest"
SCHEMA = f"{SCHEMAS}/pipelineComponentBatchDeployment.schema.json\n"
LEAST = "name: steps\nendpoint_name: nightly\ntype: pipeline\ncomponent: pipeline.yml\n"
WHOLE = (
    "description: Prepared, then scored.\n"
    "settings: {continue_on_step_failure: false, default_compute: batch-cluster}\n"
)


def pipeline(write: Write, text: str) -> PipelineDeployment:
    found = read(write("models/m/deployment.yml", text))
    assert isinstance(found, PipelineDeployment)
    return found


@pytest.mark.parametrize(
    "head",
    [
        SCHEMA,
        "",
        # As other tools write it, and as `az` reads it: the type tells.
        "$schema: http://azureml/sdk-2-0/BatchDeployment.json\n",
        f"{SCHEMAS}/batchDeployment.schema.json\n",
    ],
)
def test_a_pipeline_deployment_is_one_by_its_schema_or_its_type(write: Write, head: str) -> None:
    found = pipeline(write, head + LEAST + WHOLE)
    assert found.component == found.file.parent / "pipeline.yml"
    assert found.settings.default_compute == "batch-cluster"
    assert found.settings.continue_on_step_failure is False
    assert not found.pinned


def test_a_component_of_an_exact_version_is_pinned(write: Write) -> None:
    text = LEAST.replace("pipeline.yml", "azureml:steps:3")
    found = pipeline(write, text)
    assert found.component == AssetReference("steps", version="3")
    assert found.pinned
    assert not pipeline(write, text.replace("steps:3", "steps@latest")).pinned


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model: azureml:m:1\n", "model: unknown key"),
        ("mini_batch_size: 3\n", "mini_batch_size: unknown key"),
        ("settings: {default_computer: c}\n", "did you mean 'default_compute'?"),
        ("job_definition: azureml:job\n", "a job's steps can't be deployed as code, allowed: comp"),
    ],
)
def test_what_is_no_key_of_a_pipeline_is_named(write: Write, text: str, words: str) -> None:
    with pytest.raises(DeclarationError, match=words.replace("?", r"\?")):
        pipeline(write, SCHEMA + LEAST + text)


@pytest.mark.parametrize(
    ("component", "words"),
    [("azureml:models/x", "is not a reference"), ("https://a/b.yml", "allowed: azureml:<name>")],
)
def test_a_component_is_a_reference_or_a_file(write: Write, component: str, words: str) -> None:
    with pytest.raises(DeclarationError, match=words):
        pipeline(write, LEAST.replace("pipeline.yml", component))


def test_an_environment_pins_a_component_and_the_endpoint_knows_the_deployment(
    write: Write, tmp_path: Path
) -> None:
    write("models/m/batch-endpoint.yml", "name: nightly\ndefaults: {deployment_name: steps}\n")
    write("models/m/batch-deployment.yml", SCHEMA + LEAST + WHOLE)
    write("models/m/pipeline.yml", "$schema: x/pipelineComponent.schema.json\ntype: pipeline\n")
    stack = write(
        "Pulumi.dev.yaml",
        "config:\n  scoring:endpoints:\n    nightly: {deployments: {steps: {component:"
        " 'azureml:steps:3', settings: {default_compute: other}}}}\n",
    )
    catalog = read_catalog(stack.parent / "models")
    assert catalog.batch_names("nightly") == ["steps"]
    laid = lay_over(catalog, read_stack(stack)).pipeline_deployments["nightly"]["steps"]
    assert laid.pinned
    assert laid.settings.default_compute == "other"
    assert laid.settings.continue_on_step_failure is False


def test_two_deployments_of_a_name_are_refused_whatever_they_run(write: Write) -> None:
    write("models/m/batch-endpoint.yml", "name: nightly\n")
    write("models/m/a-batch-deployment.yml", SCHEMA + LEAST)
    model = "name: steps\nendpoint_name: nightly\ntype: model\nmodel: azureml:m:1\n"
    file = write("models/m/b-batch-deployment.yml", model)
    with pytest.raises(DeclarationError, match=r"found 'steps', which .* declares as .* already"):
        read_catalog(file.parent.parent)
