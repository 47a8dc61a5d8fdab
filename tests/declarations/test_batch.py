from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from runner.declarations import (
    BatchDeployment,
    BatchEndpoint,
    BatchSettings,
    DeclarationError,
    RetrySettings,
    read,
    read_as,
)

from .conftest import Write, patient

HEAD = "name: mlflow\nendpoint_name: diabetes-batch\nmodel: azureml:m:1\n"
NESTED = """
$schema: https://azuremlschemas.azureedge.net/latest/modelBatchDeployment.schema.json
name: mlflow
description: A model
endpoint_name: diabetes-batch
type: model
model: azureml:m:1
code_configuration:
  code: code
  scoring_script: batch_driver.py
environment:
  conda_file: environment/conda.yaml
  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest
compute: azureml:batch-cluster
resources:
  instance_count: 2
settings:
  max_concurrency_per_instance: 2
  mini_batch_size: 7
  output_action: append_row
  output_file_name: out.csv
  retry_settings:
    max_retries: 5
    timeout: 300
  error_threshold: 4
  logging_level: debug
  environment_variables:
    A: 1
"""
FLAT = """
$schema: https://azuremlschemas.azureedge.net/latest/batchDeployment.schema.json
name: mlflow
description: A model
endpoint_name: diabetes-batch
model: azureml:m:1
code_configuration:
  code: code
  scoring_script: batch_driver.py
environment:
  conda_file: environment/conda.yaml
  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest
compute: azureml:batch-cluster
resources:
  instance_count: 2
max_concurrency_per_instance: 2
mini_batch_size: 7
output_action: AppendRow
output_file_name: out.csv
retry_settings:
  max_retries: 5
  timeout: 300
error_threshold: 4
logging_level: DEBUG
environment_variables:
  A: 1
"""


def deployment(write: Write, text: str) -> BatchDeployment:
    return read_as(write("batch-deployment.yml", HEAD + text), BatchDeployment)


def wrong(write: Write, text: str) -> str:
    with pytest.raises(DeclarationError) as caught:
        deployment(write, text)
    return str(caught.value)


def test_both_forms_make_the_same_record(write: Write) -> None:
    file = write("batch-deployment.yml", NESTED)
    nested = read(file)
    write("batch-deployment.yml", FLAT)
    assert read(file) == nested
    assert isinstance(nested, BatchDeployment)
    assert nested.settings == BatchSettings(
        mini_batch_size=7,
        max_concurrency_per_instance=2,
        output_action="append_row",
        output_file_name="out.csv",
        retry_settings=RetrySettings(max_retries=5, timeout=300),
        error_threshold=4,
        logging_level="debug",
        environment_variables={"A": "1"},
    )
    assert nested.resources.instance_count == 2


def test_what_is_not_said_is_azures_default(write: Write) -> None:
    read_one = deployment(write, "")
    settings = read_one.settings
    assert (settings.mini_batch_size, settings.output_file_name) == (10, "predictions.csv")
    assert (settings.retry_settings.max_retries, settings.retry_settings.timeout) == (3, 30)
    assert (settings.error_threshold, settings.max_concurrency_per_instance) == (-1, 1)
    assert (settings.output_action, settings.logging_level) == ("append_row", "info")
    assert (read_one.resources.instance_count, read_one.compute) == (1, None)
    assert not read_one.pinned


@pytest.mark.parametrize("written", ["summary_only", "SummaryOnly", "SUMMARY_ONLY"])
def test_the_output_action_has_several_spellings(write: Write, written: str) -> None:
    read_one = deployment(write, f"output_action: {written}\n")
    assert read_one.settings.output_action == "summary_only"


def test_the_instance_count_of_the_settings_is_that_of_the_resources(write: Write) -> None:
    assert deployment(write, "settings: {instance_count: 3}\n").resources.instance_count == 3


def test_a_setting_said_twice_alike_is_taken(write: Write) -> None:
    text = "mini_batch_size: 4\nsettings: {mini_batch_size: 4, instance_count: 2}\n"
    assert deployment(write, text + "resources: {instance_count: 2}\n").settings == BatchSettings(
        mini_batch_size=4
    )


def test_a_group_may_be_split_over_both_forms(write: Write) -> None:
    text = "retry_settings: {timeout: 60}\nsettings: {retry_settings: {max_retries: 1}}\n"
    assert deployment(write, text).settings.retry_settings == RetrySettings(1, 60)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "mini_batch_size: 4\nsettings: {mini_batch_size: 5}\n",
            "5: settings.mini_batch_size: found the number '5' here and the number '4' on line 4",
        ),
        (
            "retry_settings: {timeout: 1}\nsettings: {retry_settings: {timeout: 2}}\n",
            "5: settings.retry_settings.timeout: found the number '2' here",
        ),
        (
            "resources: {instance_count: 1}\nsettings: {instance_count: 2}\n",
            "4: resources.instance_count: found the number '1' here and the number '2' on line 5",
        ),
        (
            "retry_settings: [1]\nsettings: {retry_settings: [1]}\n",
            "5: settings.retry_settings: found a list here and a list on line 4, allowed: one",
        ),
        ("resources: 3\nsettings: {instance_count: 2}\n", "resources: found the number '3'"),
        ("output_action: [append_row]\n", "found a list, allowed: append_row or summary_only"),
        ("settings: 3\n", "settings: found the number '3', allowed: a mapping"),
        (
            "mini_batch_size: 0\n",
            "4: settings.mini_batch_size: found the number '0', allowed: 1 or",
        ),
        ("error_threshold: -2\n", "allowed: -1 or more"),
        ("retry_settings: {max_retries: -1}\n", "allowed: 0 or more"),
        ("retry_settings: {timeout: 0}\n", "allowed: 1 or more"),
        ("resources: {instance_count: 0}\n", "allowed: 1 or more"),
        ("max_concurrency_per_instance: 0\n", "allowed: 1 or more"),
        ("logging_level: loud\n", "allowed: debug or info or warning"),
        ("settings: {mini_batchsize: 3}\n", "did you mean 'mini_batch_size'?"),
        ("minibatch_size: 3\n", "minibatch_size: unknown key"),
        ("type: other\n", "type: found the text 'other', allowed: model"),
    ],
)
def test_what_is_wrong_is_named(write: Write, text: str, words: str) -> None:
    message = wrong(write, text)
    assert words in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "name", ["a/b.csv", "../x.csv", "..", ".", "''", "' '", "a\\b", "'a:b'", "x" * 256]
)
def test_the_output_file_is_a_plain_file_name(write: Write, name: str) -> None:
    assert "allowed: a plain file name" in wrong(write, f"output_file_name: {name}\n")


def test_the_output_file_may_have_any_letters(write: Write) -> None:
    read_one = deployment(write, "output_file_name: vorhersagen-ü 1.csv\n")
    assert read_one.settings.output_file_name == "vorhersagen-ü 1.csv"


def test_a_deployment_has_a_model_or_a_script(write: Write) -> None:
    head = "name: mlflow\nendpoint_name: diabetes-batch\n"
    with pytest.raises(DeclarationError, match="model: missing, and required where there is no"):
        read_as(write("d.yml", head), BatchDeployment)
    script = "code_configuration: {code: ., scoring_script: s.py}\n"
    assert read_as(write("d.yml", head + script), BatchDeployment).model is None


def test_several_problems_come_at_once(write: Write) -> None:
    text = "mini_batch_size: x\nerror_threshold: y\ncompute: [z]\n"
    assert len(wrong(write, text).splitlines()) == 3


def test_an_endpoint_is_read(write: Write) -> None:
    text = """
        $schema: https://azuremlschemas.azureedge.net/latest/batchEndpoint.schema.json
        name: diabetes-batch
        description: Scores
        auth_mode: aad_token
        tags: {a: b}
        properties: {c: d}
        identity: {type: SystemAssigned}
        defaults: {deployment_name: mlflow}
        scoring_uri: https://ignored
    """
    endpoint = read(write("batch-endpoint.yml", text))
    assert isinstance(endpoint, BatchEndpoint)
    assert (endpoint.name, endpoint.defaults.deployment_name) == ("diabetes-batch", "mlflow")
    assert (endpoint.tags, endpoint.properties) == ({"a": "b"}, {"c": "d"})
    assert endpoint.identity is not None
    assert endpoint.identity.type == "system_assigned"


@pytest.mark.parametrize("name", ["ab", "1abc", "a_b", "abc-", "x" * 33])
def test_an_endpoint_name_obeys_azures_rule(write: Write, name: str) -> None:
    with pytest.raises(DeclarationError, match="allowed: 3 to 32 letters, digits and hyphens"):
        read_as(write("batch-endpoint.yml", f"name: {name}\n"), BatchEndpoint)


def test_a_batch_endpoint_has_no_keys(write: Write) -> None:
    with pytest.raises(DeclarationError, match="auth_mode: found the text 'key', allowed: aad"):
        read_as(write("batch-endpoint.yml", "name: abc\nauth_mode: key\n"), BatchEndpoint)


SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "mini_batch_size": st.integers(1, 10**6),
        "max_concurrency_per_instance": st.integers(1, 64),
        "error_threshold": st.integers(-1, 10**6),
        "output_action": st.sampled_from(["append_row", "summary_only"]),
        "output_file_name": st.from_regex(r"[a-z]{1,9}\.csv", fullmatch=True),
        "logging_level": st.sampled_from(["debug", "info", "warning"]),
        "retry_settings": st.fixed_dictionaries(
            {}, optional={"max_retries": st.integers(0, 9), "timeout": st.integers(1, 900)}
        ),
        "environment_variables": st.dictionaries(
            st.from_regex(r"[A-Z]{1,5}", fullmatch=True), st.text("ab 1.", max_size=5), max_size=2
        ),
    },
)


@patient
@given(settings=SETTINGS, nested=st.sets(st.sampled_from(sorted(BatchSettings.__annotations__))))
def test_any_split_over_both_forms_reads_alike(
    settings: dict[str, object],
    nested: set[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    file = tmp_path_factory.getbasetemp() / "batch-deployment.yml"
    head = yaml.safe_load(HEAD)

    def settings_of(document: dict[str, object]) -> BatchSettings:
        Path(file).write_text(yaml.safe_dump({**head, **document}))
        return read_as(file, BatchDeployment).settings

    inside = {key: value for key, value in settings.items() if key in nested}
    outside = {key: value for key, value in settings.items() if key not in nested}
    assert settings_of({**outside, "settings": inside}) == settings_of({"settings": settings})
