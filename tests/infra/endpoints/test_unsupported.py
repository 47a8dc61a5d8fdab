"""A key without a property in Azure's resources is a problem, not silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.endpoints.unsupported import unsupported
from runner.declarations import Problem, lay_over, read_catalog, read_stack
from tests.infra.declaring import (
    OTHER_WORKSPACE,
    PIN,
    batch_deployment,
    batch_endpoint,
    online_deployment,
    online_endpoint,
)

LABELLED = "azureml:scikit@latest"
ENVIRONMENT = {"name": "e", "image": "i"}
IN_A_FILE = {"image": "i", "conda_file": "./conda.txt"}


def problems(
    root: Path,
    *declarations: str,
    stack: dict[str, Any] | None = None,
    pin: str = PIN,
    managed: bool = False,
) -> list[Problem]:
    folder = root / "models" / "m"
    folder.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(declarations):
        (folder / f"{number}.yml").write_text(text)
    catalog = read_catalog(root / "models")
    pins = {
        endpoint: {"deployments": {name: {"model": pin} for name in deployments}}
        for endpoint, deployments in [
            *catalog.batch_deployments.items(),
            *catalog.online_deployments.items(),
        ]
    }
    file = root / "Pulumi.dev.yaml"
    file.write_text(yaml.safe_dump({"config": {"scoring:endpoints": stack or pins}}))
    laid = lay_over(catalog, read_stack(file))
    return unsupported(laid, "koreacentral", file, managed=managed)


def write_conda(root: Path, content: str) -> Path:
    """Return the conda file that IN_A_FILE names."""
    conda = root / "models" / "m" / "conda.txt"
    conda.parent.mkdir(parents=True)
    conda.write_text(content, encoding="latin-1")
    return conda


@pytest.mark.parametrize(
    ("keys", "at", "found"),
    [
        ({"location": "westus"}, "location", "'westus'"),
        (
            {"identity": {"type": "system_assigned", "principal_id": "p"}},
            "identity.principal_id",
            "given by Azure",
        ),
        (
            {"identity": {"type": "system_assigned", "tenant_id": "t"}},
            "identity.tenant_id",
            "given by Azure",
        ),
    ],
)
@pytest.mark.parametrize("endpoint", [batch_endpoint, online_endpoint])
def test_a_key_of_an_endpoint(
    endpoint: Any, keys: dict[str, Any], at: str, found: str, tmp_path: Path
) -> None:
    (problem,) = problems(tmp_path, endpoint(**keys))
    assert problem.key == at
    assert found in problem.text


@pytest.mark.parametrize(
    ("endpoint", "identities", "at", "found"),
    [
        (online_endpoint, [], "identity.user_assigned_identities", "found 0 of them"),
        (
            online_endpoint,
            [{"client_id": "c"}],
            "identity.user_assigned_identities",
            "found other keys",
        ),
        (batch_endpoint, [{"resource_id": "/i"}], "identity.type", "online endpoints only"),
    ],
)
def test_identities_that_are_given_to_an_endpoint(
    endpoint: Any, identities: list[dict[str, str]], at: str, found: str, tmp_path: Path
) -> None:
    identity = {"type": "user_assigned", "user_assigned_identities": identities}
    (problem,) = problems(tmp_path, endpoint(identity=identity))
    assert problem.key == at
    assert found in problem.text


@pytest.mark.parametrize(
    ("keys", "at", "found"),
    [
        ({"resources": {"locations": ["a"]}}, "resources.locations", "instance_count"),
        ({"resources": {"shm_size": "2g"}}, "resources.shm_size", "instance_count"),
        ({"resources": {"docker_args": "-x"}}, "resources.docker_args", "instance_count"),
        (
            {"resources": {"max_instance_count": 3}},
            "resources.max_instance_count",
            "instance_count",
        ),
        ({"logging_level": "error"}, "settings.logging_level", "'error'"),
        ({"settings": {"logging_level": "critical"}}, "settings.logging_level", "'critical'"),
        ({"environment": LABELLED}, "environment", LABELLED),
        (
            {"environment": {**ENVIRONMENT, "datastore": "d"}},
            "environment.datastore",
            "nothing that Azure's resource has",
        ),
        (
            {"environment": {**ENVIRONMENT, "auto_delete_setting": {"value": "1d"}}},
            "environment.auto_delete_setting",
            "nothing that Azure's resource has",
        ),
    ],
)
def test_a_key_of_a_batch_deployment(
    keys: dict[str, Any], at: str, found: str, tmp_path: Path
) -> None:
    (problem,) = problems(tmp_path, batch_endpoint(), batch_deployment(**keys))
    assert problem.key == at
    assert found in problem.text


@pytest.mark.parametrize(
    ("keys", "at", "found"),
    [
        (
            {"private_network_connection": True},
            "private_network_connection",
            "egress_public_network_access",
        ),
        (
            {"scale_settings": {"type": "target_utilization"}},
            "scale_settings.max_instances",
            "missing",
        ),
        *[
            (
                {"scale_settings": {"type": "default", key: 1}},
                f"scale_settings.{key}",
                "target_utilization",
            )
            for key in (
                "min_instances",
                "max_instances",
                "polling_interval",
                "target_utilization_percentage",
            )
        ],
        *[
            (
                {"data_collector": {"collections": {"in": {"enabled": "true", "data": data}}}},
                "data_collector.collections.in.data",
                "azureml:<name>:<version>",
            )
            for data in ({"name": "d", "path": "azureml://x"}, "azureml:d@latest", "nonsense")
        ],
    ],
)
def test_a_key_of_an_online_deployment(
    keys: dict[str, Any], at: str, found: str, tmp_path: Path
) -> None:
    (problem,) = problems(tmp_path, online_endpoint(), online_deployment(**keys))
    assert problem.key == at
    assert found in problem.text


@pytest.mark.parametrize("egress", ["enabled", "disabled"])
def test_a_deployment_in_a_managed_network_has_no_egress_of_its_own(
    egress: str, tmp_path: Path
) -> None:
    declared = online_deployment(egress_public_network_access=egress)
    (problem,) = problems(tmp_path, online_endpoint(), declared, managed=True)
    assert problem.key == "egress_public_network_access"
    assert "scoring:outbound" in problem.text
    assert problems(tmp_path, online_endpoint(), declared) == []


def test_the_line_is_that_of_the_key(tmp_path: Path) -> None:
    declared = batch_deployment(settings={"mini_batch_size": 1, "logging_level": "error"})
    (problem,) = problems(tmp_path, batch_endpoint(), declared)
    assert problem.file.read_text().splitlines()[problem.line - 1] == "  logging_level: error"


def test_a_key_of_the_stack_file_is_named_from_its_top(tmp_path: Path) -> None:
    settings = {"settings": {"logging_level": "error"}}
    stack = {"nightly": {"deployments": {"first": {"model": PIN, **settings}}}}
    (problem,) = problems(tmp_path, batch_endpoint(), batch_deployment(), stack=stack)
    assert problem.key == "scoring:endpoints.nightly.deployments.first.settings.logging_level"
    assert problem.file.name == "Pulumi.dev.yaml"


def test_what_is_not_deployed_may_say_anything(tmp_path: Path) -> None:
    declared = batch_deployment(logging_level="error", environment=LABELLED)
    assert problems(tmp_path, batch_endpoint(), declared, stack={"nightly": {}}) == []


def test_a_label_of_a_registry_is_fine(tmp_path: Path) -> None:
    curated = "azureml://registries/azureml/environments/scikit/labels/latest"
    assert problems(tmp_path, batch_endpoint(), batch_deployment(environment=curated)) == []


def test_a_label_of_another_workspace_is_not(tmp_path: Path) -> None:
    other = f"azureml:{OTHER_WORKSPACE}/environments/scikit/labels/latest"
    declared = batch_deployment(environment=other)
    assert [problem.key for problem in problems(tmp_path, batch_endpoint(), declared)] == [
        "environment"
    ]


@pytest.mark.parametrize("content", ["- a list", "a: [", "\xff", "a: 1\na: 2", "a: !b c", ""])
def test_a_conda_file_that_is_none_hides_nothing_else(content: str, tmp_path: Path) -> None:
    conda = write_conda(tmp_path, content)
    declared = online_deployment(environment=IN_A_FILE, private_network_connection=True)
    other, unreadable = problems(tmp_path, online_endpoint(), declared)
    assert other.key == "private_network_connection"
    assert unreadable.file == conda


def test_a_conda_file_that_is_not_there_hides_nothing_else(tmp_path: Path) -> None:
    declared = online_deployment(environment=IN_A_FILE, private_network_connection=True)
    other, unreadable = problems(tmp_path, online_endpoint(), declared)
    assert other.key == "private_network_connection"
    assert unreadable.file.name == "conda.txt"


def test_a_conda_file_of_two_deployments_is_told_once(tmp_path: Path) -> None:
    conda = write_conda(tmp_path, "- a list")
    first, second = (
        batch_deployment(name=name, environment=IN_A_FILE) for name in ("first", "second")
    )
    assert [found.file for found in problems(tmp_path, batch_endpoint(), first, second)] == [conda]


def test_one_version_of_an_environment_has_one_content(tmp_path: Path) -> None:
    named = {"name": "scikit", "version": "1"}
    (problem,) = problems(
        tmp_path,
        batch_endpoint(),
        batch_deployment(environment={**named, "image": "i"}),
        batch_deployment(name="second", environment={**named, "image": "j"}),
    )
    assert problem.key == "environment.version"
    assert "scikit:1" in problem.text


def test_a_batch_deployment_reads_no_secret_that_it_refers_to(tmp_path: Path) -> None:
    variables = {"KEY": "${{azureml://connections/openai/credentials/key}}", "LEVEL": "1"}
    deployment = batch_deployment(settings={"environment_variables": variables})
    (problem,) = problems(tmp_path, batch_endpoint(), deployment)
    assert problem.key.endswith("environment_variables.KEY")
    assert "Azure reads for online deployments only" in problem.text
