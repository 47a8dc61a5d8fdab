"""What the stack file of a stack on Databricks may say, and what each wrong one gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.infra.databricks.declaring import CLUSTER, declare, problems, write_declarations
from tests.infra.mocks import run_program

SIZE = {key: value for key, value in CLUSTER.items() if key != "is_single_node"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_declarations(tmp_path_factory.mktemp("lake") / "project")


@pytest.mark.parametrize(
    ("keys", "line", "problem"),
    [
        pytest.param(
            {"platform": "databrics"},
            3,
            "scoring:platform: found the text 'databrics', allowed: azureml, databricks",
            id="a platform that is none",
        ),
        pytest.param(
            {"isolation": "managed"},
            21,
            "scoring:isolation: means nothing with scoring:platform: databricks, "
            "allowed: no such key",
            id="a network as Azure Machine Learning has it",
        ),
        pytest.param(
            {"outbound": ["example.org"]},
            21,
            "scoring:outbound: means nothing with scoring:platform: databricks, "
            "allowed: no such key",
            id="hosts of such a network",
        ),
        pytest.param(
            {"shema": "birds"},
            21,
            "scoring:shema: unknown key; did you mean 'scoring:schema'?",
            id="an unknown key",
        ),
        pytest.param(
            {"catalog": "The Lake"},
            4,
            "scoring:catalog: found the text 'The Lake', allowed: a name that Unity Catalog takes:"
            " up to 255 characters, without capital letters, spaces, periods and slashes",
            id="a catalog's name with a space",
        ),
        pytest.param(
            {"schema": "birds.penguins"},
            21,
            "scoring:schema: found the text 'birds.penguins', allowed: a name that Unity Catalog"
            " takes: up to 255 characters, without capital letters, spaces, periods and slashes",
            id="a schema's name with a period",
        ),
        pytest.param(
            {"groups": [""]},
            22,
            "scoring:groups[0]: found the text '', allowed: the name of a group",
            id="a group without a name",
        ),
    ],
)
def test_a_bad_key_is_told_with_file_and_line(
    root: Path, keys: dict[str, Any], line: int, problem: str
) -> None:
    assert problems(root, **keys) == [f"Pulumi.lake.yaml:{line}: {problem}"]


@pytest.mark.parametrize(
    ("cluster", "problem"),
    [
        (
            {**CLUSTER, "spark_versoin": "x"},
            ".spark_versoin: unknown key; did you mean 'spark_version'?",
        ),
        (
            {**CLUSTER, "spark_version": "latest"},
            ".spark_version: found the text 'latest', allowed: a runtime such as"
            " 17.3.x-cpu-ml-scala2.13",
        ),
        (
            {**CLUSTER, "node_type_id": "D4"},
            ".node_type_id: found the text 'D4', allowed: a size such as Standard_D4ds_v4",
        ),
        (
            {**CLUSTER, "autotermination_minutes": 0},
            ".autotermination_minutes: found the number '0', allowed: 10 to 10000",
        ),
        (
            {**CLUSTER, "data_security_mode": "NONE"},
            ".data_security_mode: found the text 'NONE', allowed: SINGLE_USER or USER_ISOLATION or"
            " DATA_SECURITY_MODE_DEDICATED or DATA_SECURITY_MODE_STANDARD",
        ),
        (
            {**CLUSTER, "num_workers": 2},
            ".num_workers: goes with more than one node, allowed with is_single_node: no such key",
        ),
        (SIZE, ": has no size, allowed: is_single_node: true, num_workers or autoscale"),
        (
            {**SIZE, "num_workers": 0},
            ".num_workers: found 0, allowed: 1 or more, or is_single_node: true",
        ),
        (
            {**SIZE, "num_workers": 1, "autoscale": {"min_workers": 1, "max_workers": 2}},
            ".autoscale: found beside num_workers, allowed: one of the two",
        ),
        (
            {**SIZE, "autoscale": {"min_workers": 3, "max_workers": 2}},
            ".autoscale: found 3 to 2, allowed: at most max_workers",
        ),
    ],
)
def test_a_bad_cluster_is_told_by_its_key(
    root: Path, cluster: dict[str, Any], problem: str
) -> None:
    (found,) = problems(root, clusters={"ml-cluster": cluster})
    assert found.startswith("Pulumi.lake.yaml:")
    assert found.partition(": ")[2] == f"scoring:clusters.ml-cluster{problem}"


def test_everything_that_is_wrong_is_told_at_once(root: Path) -> None:
    clusters = {"ml cluster": CLUSTER, "ml-cluster": {**CLUSTER, "num_workers": "2"}}
    found = problems(root, catalog="Lake", isolation="none", clusters=clusters)
    assert [line.split(": ")[1] for line in found] == [
        "scoring:catalog",
        "scoring:clusters.ml cluster",
        "scoring:clusters.ml-cluster.num_workers",
        "scoring:isolation",
    ]


def test_a_stack_on_databricks_needs_the_name_of_its_catalog(root: Path) -> None:
    text = "config:\n  azure-native:location: koreacentral\n  scoring:platform: databricks\n"
    error = run_program(root, "bare", text).error
    assert error is not None
    assert error.splitlines()[1:] == [
        "Pulumi.bare.yaml: scoring:catalog: missing, and required:"
        " `pulumi config set scoring:catalog NAME`"
    ]


@pytest.mark.parametrize("key", ["catalog", "schema"])
def test_a_stack_on_azure_ml_has_no_keys_of_databricks(root: Path, key: str) -> None:
    text = f"config:\n  azure-native:location: koreacentral\n  scoring:{key}: lake\n"
    error = run_program(root, "ml", text).error
    assert error is not None
    assert error.splitlines()[1:] == [
        f"Pulumi.ml.yaml:3: scoring:{key}: means nothing with scoring:platform: azureml,"
        " allowed: no such key"
    ]


def test_without_any_pin_there_is_a_workspace_to_register_in(root: Path) -> None:
    ran = declare(root, endpoints={}, clusters={})
    assert ran.error is None
    assert ran.one("lake:Schema").id == "lake.scoring"
    assert ran.outputs["runner"]["endpoints"] == {}
