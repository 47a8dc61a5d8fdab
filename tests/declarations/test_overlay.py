from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from runner.declarations import (
    AssetReference,
    BatchDeployment,
    Catalog,
    DeclarationError,
    lay_over,
    read_as,
    read_catalog,
    read_stack,
)
from runner.declarations.overlay import read_config, unknown_key
from runner.declarations.problem import Place
from runner.declarations.reader import plain

from .conftest import BATCH_DEPLOYMENT, BATCH_ENDPOINT, Write, patient
from .test_batch import SETTINGS

STACK = """\
secretsprovider: passphrase
encryptionsalt: v1:salt
config:
  azure-native:location: koreacentral
  azure-native:clientSecret:
    secure: v1:hidden
  scoring:defaultEndpoint: diabetes-batch
  scoring:nodes: 3
  scoring:nested: {a: [1, {secure: v1:hidden}], b: {secure: v1:hidden}, c: x}
  scoring:endpoints:
    diabetes-batch:
      description: In production
      input: "azureml:patients-unlabeled@latest"
      deployments:
        mlflow: {model: "azureml:diabetes-mlflow:3", resources: {instance_count: 4}}
    diabetes-online:
      traffic: {blue: 100}
"""


def laid(write: Write, models: Path, endpoints: str) -> Catalog:
    text = "config:\n  scoring:endpoints:\n" + "".join(
        f"    {line}\n" for line in endpoints.splitlines()
    )
    return lay_over(read_catalog(models), read_stack(write("Pulumi.dev.yaml", text)))


def wrong(write: Write, models: Path, endpoints: str) -> str:
    with pytest.raises(DeclarationError) as caught:
        laid(write, models, endpoints)
    return str(caught.value)


def test_a_stack_is_read_and_its_secrets_are_left_out(write: Write) -> None:
    file = write("Pulumi.prod.yaml", STACK)
    stack = read_stack(file)
    assert (stack.file, stack.name, stack.location) == (file, "prod", "koreacentral")
    assert stack.default_endpoint == "diabetes-batch"
    assert stack.config == {"scoring:nodes": 3, "scoring:nested": {"a": [1], "c": "x"}}
    assert "hidden" not in repr(stack)
    assert "salt" not in repr(stack)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "config:\n",
        "config: {}\n",
        "encryptionsalt: x\n",
        "config:\n  scoring:endpoints:\n",
        "config:\n  scoring:endpoints: {diabetes-batch: {deployments: }}\n",
    ],
)
def test_a_stack_that_says_nothing_changes_nothing(write: Write, models: Path, text: str) -> None:
    catalog = read_catalog(models)
    assert lay_over(catalog, read_stack(write("Pulumi.dev.yaml", text))) == catalog


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("config: []\n", "1: config: found a list, allowed: a mapping"),
        ("config:\n  azure-native:location: 3\n", "2: azure-native:location: found the"),
        ("config:\n  scoring:endpoints: []\n", "allowed: a mapping of endpoints by name"),
        ("config:\n  scoring:endpoints: {secure: v1:x}\n", "allowed: a mapping of endpoints"),
        ("config:\n  scoring:endpoints: {a: 1}\n", "allowed: a mapping of the endpoint's keys"),
        ("config:\n  scoring:endpoints: {a: {deployments: 1}}\n", "a.deployments: found the"),
        (
            "config:\n  scoring:endpoints: {a: {tags: {b: {secure: v1:x}}}}\n",
            "a: found a secret, allowed: plain values",
        ),
        ("config:\n  scoring:endpoints: {a: {input: 'azureml:a b'}}\n", "a.input: 'a b' in"),
        ("config:\n  scoring:endpoints: {a: {input: ''}}\n", "a.input: found the text ''"),
        ("config: {a: 1, a: 2}\n", "a: found twice"),
    ],
)
def test_what_is_wrong_with_a_stack_is_named(write: Write, text: str, words: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        read_stack(write("Pulumi.dev.yaml", text))
    assert words in str(caught.value)
    assert "v1:x" not in str(caught.value)


def test_the_stacks_values_come_over_the_declared_ones(write: Write, models: Path) -> None:
    catalog = read_catalog(models)
    over = lay_over(catalog, read_stack(write("Pulumi.prod.yaml", STACK)))
    endpoint = over.batch_endpoints["diabetes-batch"]
    assert (endpoint.description, endpoint.input) == (
        "In production",
        "azureml:patients-unlabeled@latest",
    )
    assert endpoint.defaults.deployment_name == "mlflow"
    deployment = over.batch_deployments["diabetes-batch"]["mlflow"]
    assert deployment.model == AssetReference("diabetes-mlflow", version="3")
    assert deployment.resources.instance_count == 4
    assert deployment.settings.mini_batch_size == 5
    assert over.default_endpoint == "diabetes-batch"


def test_the_catalog_itself_is_left_as_it_was(write: Write, models: Path) -> None:
    catalog = read_catalog(models)
    lay_over(catalog, read_stack(write("Pulumi.prod.yaml", STACK)))
    assert catalog == read_catalog(models)


def test_only_an_exact_version_in_the_stack_pins_a_deployment(write: Write, models: Path) -> None:
    def pinned(model: str) -> bool:
        text = f"diabetes-batch: {{deployments: {{mlflow: {{{model}}}}}}}"
        return laid(write, models, text).batch_deployments["diabetes-batch"]["mlflow"].pinned

    assert pinned("model: azureml:diabetes-mlflow:3")
    assert not pinned("model: azureml:diabetes-mlflow@latest")
    assert not pinned("compute: big")
    # The declaration of `blue` has a version, the stack has not.
    over = laid(write, models, "diabetes-online: {deployments: {blue: {instance_count: 2}}}")
    assert not over.online_deployments["diabetes-online"]["blue"].pinned


@pytest.mark.parametrize(
    "keys",
    [
        "mini_batch_size: 50, retry_settings: {timeout: 60}",
        "settings: {mini_batch_size: 50, retry_settings: {timeout: 60}}",
        "mini_batch_size: 50, settings: {retry_settings: {timeout: 60}}",
    ],
)
def test_settings_are_laid_over_one_by_one_in_either_form(
    write: Write, models: Path, keys: str
) -> None:
    over = laid(write, models, f"diabetes-batch: {{deployments: {{mlflow: {{{keys}}}}}}}")
    settings = over.batch_deployments["diabetes-batch"]["mlflow"].settings
    assert (settings.mini_batch_size, settings.retry_settings.timeout) == (50, 60)
    assert settings.retry_settings.max_retries == 1


def test_traffic_is_stated_whole(write: Write, models: Path) -> None:
    text = "name: green\nendpoint_name: diabetes-online\ninstance_type: a\n"
    write("models/diabetes/online-deployment-green.yml", text)
    over = laid(write, models, "diabetes-online: {traffic: {green: 100}}")
    assert over.online_endpoints["diabetes-online"].traffic == {"green": 100}


def test_paths_in_a_stack_are_relative_to_the_stack_file(
    write: Write, models: Path, tmp_path: Path
) -> None:
    keys = "input: data/more, deployments: {mlflow: {model: {path: other}}}"
    over = laid(write, models, f"diabetes-batch: {{{keys}}}")
    assert over.batch_endpoints["diabetes-batch"].input == str(tmp_path / "data/more")
    model = over.batch_deployments["diabetes-batch"]["mlflow"].model
    assert not isinstance(model, AssetReference)
    assert model is not None
    assert model.path == tmp_path / "other"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "diabetes-bach: {}",
            "3: scoring:endpoints.diabetes-bach: no endpoint 'diabetes-bach' is declared; did",
        ),
        (
            "diabetes-batch:\n  deployments:\n    mlfow: {}",
            "5: scoring:endpoints.diabetes-batch.deployments.mlfow: no deployment 'mlfow' is",
        ),
        (
            "diabetes-batch: {deployments: {mlflow: {setings: {}}}}",
            "mlflow.setings: unknown key; did you mean 'settings'?",
        ),
        (
            "diabetes-batch: {deployments: {mlflow: {resources: {instance_count: many}}}}",
            "3: scoring:endpoints.diabetes-batch.deployments.mlflow.resources.instance_count: "
            "found the text 'many', allowed: a whole number",
        ),
        ("diabetes-batch: {deployments: {mlflow: {name: x}}}", "is the same in every environment"),
        ("diabetes-batch: {name: x}", "diabetes-batch.name: is the same in every environment"),
        ("diabetes-batch: {deployments: {mlflow: 3}}", "a mapping of the deployment's keys"),
        ("diabetes-batch: {auth_mode: key}", "auth_mode: found the text 'key', allowed: aad_token"),
        ("diabetes-batch: {defaults: {deployment_name: nope}}", "no deployment 'nope' is declared"),
        ("diabetes-online: {traffic: {blue: 90}}", "percentages that make 100"),
        ("diabetes-online: {traffic: {gren: 100}}", "traffic.gren: no deployment 'gren'"),
        ("diabetes-online: {input: x}", "input: allowed: on batch endpoints only"),
    ],
)
def test_what_is_wrong_names_the_line_of_the_stack_file(
    write: Write, models: Path, text: str, words: str
) -> None:
    message = wrong(write, models, text)
    assert words in message
    assert "Pulumi.dev.yaml:" in message
    assert "\n" not in message


def test_all_problems_of_a_stack_come_at_once(write: Write, models: Path) -> None:
    text = (
        "diabetes-batch:\n  descripton: x\n  deployments: {mlflow: {compute: [1]}, no: {}}\n"
        "diabetes-online: {traffic: {blue: x}}\nnone: {}\n"
    )
    lines = wrong(write, models, text).splitlines()
    assert [line.split(": ")[0].rpartition(":")[2] for line in lines] == ["4", "5", "5", "6", "7"]


def test_the_default_endpoint_must_be_a_declared_batch_endpoint(write: Write, models: Path) -> None:
    file = write("Pulumi.dev.yaml", "config:\n  scoring:defaultEndpoint: diabetes-online\n")
    with pytest.raises(DeclarationError, match=r"Pulumi\.dev\.yaml:2: scoring:defaultEndpoint: no"):
        lay_over(read_catalog(models), read_stack(file))


@patient
@given(declared=SETTINGS, over=SETTINGS, flat=st.booleans())
def test_any_overlay_equals_reading_the_merged_yaml(
    declared: dict[str, Any],
    over: dict[str, Any],
    flat: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.getbasetemp() / "any"
    file = folder / "models/m/batch-deployment.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    (file.parent / "batch-endpoint.yml").write_text(BATCH_ENDPOINT)
    head = {**yaml.safe_load(BATCH_DEPLOYMENT), "settings": declared}
    file.write_text(yaml.safe_dump(head))
    deployments = {"mlflow": over if flat else {"settings": over}}
    config = {"scoring:endpoints": {"diabetes-batch": {"deployments": deployments}}}
    stack = folder / "Pulumi.any.yaml"
    stack.write_text(yaml.safe_dump({"config": config}))
    laid_over = lay_over(read_catalog(folder / "models"), read_stack(stack))
    merged = {**declared, **over}
    for key in ("retry_settings", "environment_variables"):
        if key in merged:
            merged[key] = {**declared.get(key, {}), **over.get(key, {})}
    file.write_text(yaml.safe_dump({**head, "settings": merged}))
    expected = read_as(file, BatchDeployment)
    assert laid_over.batch_deployments["diabetes-batch"]["mlflow"] == expected


@pytest.mark.parametrize("nothing", ["", " null", ' ""'])
def test_a_stack_may_say_nothing_of_endpoints_as_pulumi_writes_it_too(
    write: Write, nothing: str
) -> None:
    file = write("Pulumi.dev.yaml", f"config:\n  scoring:endpoints:{nothing}\n")
    assert read_stack(file).endpoints == {}


def test_what_pulumi_hands_on_as_the_file_has_it_keeps_the_file_s_lines(write: Write) -> None:
    file = write("Pulumi.dev.yaml", "config:\n  a:b: 3\n  a:c: {d: [1, x]}\n  a:e: yes\n")
    given = {"a:b": "3", "a:c": '{"d": [1, "x"]}', "a:e": "yes"}
    config = read_config(file, given)
    assert config == read_config(file)
    assert [place.line for place in config.key_places.values()] == [2, 3, 4]


def test_what_pulumi_hands_on_from_elsewhere_counts_and_has_no_line(write: Write) -> None:
    file = write("Pulumi.dev.yaml", "config:\n  a:b: 3\n")
    given = {"a:b": "4", "a:c": '{"d": [1.5, "x", null, true]}', "a:e": "plain text"}
    config = read_config(file, given)
    assert plain(config) == {
        "a:b": "4",  # which may be a name
        "a:c": {"d": [1.5, "x", None, True]},
        "a:e": "plain text",
    }
    assert set(config.key_places.values()) == {Place(file, 0)}


def test_a_secret_of_the_file_is_not_replaced_by_what_it_says(write: Write) -> None:
    file = write("Pulumi.dev.yaml", "config:\n  a:b: {secure: v1:hidden}\n")
    assert plain(read_config(file, {"a:b": "open"})) == {"a:b": {"secure": "v1:hidden"}}


def test_a_stack_file_may_be_missing_when_pulumi_has_its_configuration(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.dev.yaml"
    assert plain(read_config(file, {"a:b": "x"})) == {"a:b": "x"}
    with pytest.raises(DeclarationError, match="there is no such file"):
        read_config(file, {})


def test_an_unknown_key_names_the_nearest(tmp_path: Path) -> None:
    problem = unknown_key(Place(tmp_path, 3), "a:nodes", ["a:node", "a:edge"])
    assert problem.text == "unknown key; did you mean 'a:node'?"


def test_an_environment_has_the_endpoints_of_the_models_that_it_names(
    write: Write, models: Path
) -> None:
    write("models/churn/batch-endpoint.yml", "name: churn-batch\n")
    declared = read_catalog(models)

    def names(text: str) -> set[str]:
        laid_over = lay_over(declared, read_stack(write("Pulumi.dev.yaml", f"config:\n{text}")))
        assert laid_over.batch_deployments.keys() <= laid_over.batch_endpoints.keys()
        assert laid_over.online_deployments.keys() <= laid_over.online_endpoints.keys()
        assert laid_over.models == declared.models
        return {*laid_over.batch_endpoints, *laid_over.online_endpoints}

    assert names("  scoring:models: [churn]\n") == {"churn-batch"}
    assert "churn-batch" in names("  scoring:other: x\n")
    with pytest.raises(
        DeclarationError, match=r"dev\.yaml:2: scoring:models: no .* 'chrun' is.*'churn'"
    ):
        names("  scoring:models: [chrun]\n")
    with pytest.raises(DeclarationError, match=r"dev\.yaml:2: scoring:models: found .* a list"):
        names("  scoring:models: churn\n")
    left_out = "scoring:models leaves 'diabetes-batch' out: add 'diabetes' to it"
    for key in ("endpoints: {diabetes-batch: {}}", "defaultEndpoint: diabetes-batch"):
        with pytest.raises(DeclarationError, match=left_out):
            names(f"  scoring:models: [churn]\n  scoring:{key}\n")
    with pytest.raises(DeclarationError, match="no batch endpoint 'diabetes-online' is declared"):
        names("  scoring:models: [churn]\n  scoring:defaultEndpoint: diabetes-online\n")


def test_what_makes_declared_environments_here_is_read_and_checked(
    write: Write, models: Path
) -> None:
    def manager(text: str) -> str | None:
        stack = read_stack(write("Pulumi.local.yaml", f"config:\n{text}"))
        return lay_over(read_catalog(models), stack).env_manager

    assert manager("  scoring:envManager: conda\n") == "conda"
    assert manager("  scoring:other: x\n") is None
    with pytest.raises(
        DeclarationError,
        match=r"local\.yaml:2: scoring:envManager: there is no 'conad'; did you mean 'conda'\?",
    ):
        manager("  scoring:envManager: conad\n")
    with pytest.raises(DeclarationError, match=r"local\.yaml:2: scoring:envManager: found .* text"):
        manager("  scoring:envManager: [uv]\n")
