"""Keys of a stack file, and the problem that each wrong one gets before anything is declared."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.network.outbound_rules import rule_name
from tests.infra.declaring import WORKSPACE
from tests.infra.mocks import Program, copy_project, run_program

LEAST = "  azure-native:location: koreacentral\n"
CLUSTER = "  scoring:clusters: {cpu-cluster: {size: Standard_DS3_v2}}\n"
MODEL = '{model: "azureml:diabetes-mlflow:1"}'


def problems(project: Path, text: str, **more: Any) -> list[str]:
    """Return the lines that say what is wrong; nothing is declared then."""
    ran = run_program(project, "test", "config:\n" + text, **more)
    assert ran.resources == ()
    assert ran.outputs == {}
    assert ran.error is not None
    first, *lines = ran.error.splitlines()
    assert first == "nothing is declared before this is put right:"
    return lines


def fine(project: Path, text: str, **more: Any) -> Program:
    ran = run_program(project, "test", "config:\n" + text, **more)
    assert ran.error is None
    return ran


def test_the_platform_may_be_said_where_it_is_the_usual_one(project: Path) -> None:
    assert fine(project, LEAST + "  scoring:platform: azureml\n").of(WORKSPACE)


def cloud(ran: Program) -> str:
    found: str = ran.outputs["runner"]["cloud"]
    return found


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        pytest.param(
            "  scoring:isolatoin: managed\n",
            "3: scoring:isolatoin: unknown key; did you mean 'scoring:isolation'?",
            id="an unknown key",
        ),
        pytest.param(
            "  scorng:isolation: managed\n",
            "3: scorng:isolation: unknown key; did you mean 'scoring:isolation'?",
            id="a namespace that is misspelt",
        ),
        pytest.param(
            "  azure-native:locaton: koreacentral\n",
            "3: azure-native:locaton: unknown key; did you mean 'azure-native:location'?",
            id="a key of the provider that is misspelt",
        ),
        pytest.param(
            "  scoring:isolation: full\n",
            "3: scoring:isolation: found the text 'full', allowed: none or"
            " allow_internet_outbound or managed",
            id="an unknown isolation",
        ),
        pytest.param(
            "  scoring:production: sure\n",
            "3: scoring:production: found the text 'sure', allowed: true or false",
            id="a switch that is neither on nor off",
        ),
        pytest.param(
            '  scoring:roleSettlingSeconds: "9999"\n',
            "3: scoring:roleSettlingSeconds: found the number '9999', allowed: 0 to 3600",
            id="a wait in quotes that is too long",
        ),
        pytest.param(
            '  scoring:roleSettlingSeconds: "1.5"\n',
            "3: scoring:roleSettlingSeconds: found the text '1.5', allowed: a whole number",
            id="a wait that is no whole number",
        ),
        pytest.param(
            '  scoring:clusters: {cpu-cluster: {size: Standard_DS3_v2, max_instances: "2"}}\n',
            "3: scoring:clusters.cpu-cluster.max_instances: found the text '2', "
            "allowed: a whole number",
            id="a number in quotes further down, where Pulumi leaves it as it is",
        ),
        pytest.param(
            "  scoring:outbound: [example.org]\n",
            "3: scoring:outbound: means nothing with scoring:isolation: none, allowed: only with"
            " managed",
            id="approved hosts without a network",
        ),
        pytest.param(
            "  scoring:imageBuilderSize: Standard_DS4_v2\n",
            "3: scoring:imageBuilderSize: means nothing with scoring:isolation: none, allowed: only"
            " with a managed network",
            id="a builder where nothing is built",
        ),
        pytest.param(
            "  scoring:clusters: {Image-Builder-x: {size: Standard_DS3_v2}}\n",
            "3: scoring:clusters.Image-Builder-x: is a name of the cluster that builds images,"
            " allowed: none with image-builder-",
            id="the builder's name",
        ),
        pytest.param(
            "  scoring:isolation: managed\n  scoring:outbound: ['https://example.org']\n",
            "4: scoring:outbound[0]: found the text 'https://example.org', "
            "allowed: a host name, *.domain, python-packages, conda, huggingface",
            id="an approved host that is none",
        ),
        pytest.param(
            "  scoring:generation: Second one\n",
            "3: scoring:generation: found the text 'Second one', "
            "allowed: up to 8 small letters and digits",
            id="a generation that fits no name",
        ),
        pytest.param(
            "  scoring:roleSettlingSeconds: -1\n",
            "3: scoring:roleSettlingSeconds: found the number '-1', allowed: 0 to 3600",
            id="a wait of less than nothing",
        ),
        pytest.param(
            "  scoring:defaultEndpoint: diabetes-bach\n",
            "3: scoring:defaultEndpoint: no batch endpoint 'diabetes-bach' is declared; "
            "did you mean 'diabetes-batch'?",
            id="an undeclared default endpoint",
        ),
        pytest.param(
            "  scoring:endpoints: {diabetes-bach: {description: x}}\n",
            "3: scoring:endpoints.diabetes-bach: no endpoint 'diabetes-bach' is declared; "
            "did you mean 'diabetes-batch'?",
            id="an overlay of an undeclared endpoint",
        ),
        pytest.param(
            "  scoring:endpoints: {diabetes-batch: {deployments: {mlfow: " + MODEL + "}}}\n",
            "3: scoring:endpoints.diabetes-batch.deployments.mlfow: no deployment 'mlfow' is "
            "declared; did you mean 'mlflow'?",
            id="an overlay of an undeclared deployment",
        ),
        pytest.param(
            "  scoring:endpoints: {diabetes-online: {traffic: {blue: 90, green: 20}}}\n",
            "3: scoring:endpoints.diabetes-online.traffic: found the mapping "
            "{blue: 90, green: 20}, allowed: percentages that make 100, or all 0",
            id="traffic that does not sum up",
        ),
        pytest.param(
            "  scoring:endpoints: {diabetes-online: {traffic: {green: 100}}}\n",
            "3: scoring:endpoints.diabetes-online.traffic.green: found 'green', which has no "
            "pinned model, allowed: none, as nothing of it is pinned",
            id="the stack's own traffic to a deployment without a pin",
        ),
        pytest.param(
            "  scoring:endpoints: {diabetes-batch: {defaults: {deployment_name: script}}}\n",
            "3: scoring:endpoints.diabetes-batch.defaults.deployment_name: found 'script', which "
            "has no pinned model and code, allowed: none, as nothing of it is pinned",
            id="the stack's own default without a pin",
        ),
        pytest.param(
            "  scoring:endpoints:\n    diabetes-online:\n"
            "      traffic: {blue: 50, green: 50}\n      deployments: {blue: " + MODEL + "}\n",
            "5: scoring:endpoints.diabetes-online.traffic.green: found 'green', which has no "
            "pinned model, allowed: 'blue'",
            id="traffic to one deployment that is pinned and one that is not",
        ),
        pytest.param(
            "  scoring:endpoints: {diabetes-batch: {deployments: {script: {code_configuration: "
            '{code: "azureml:code@latest"}}}}}\n',
            "3: scoring:endpoints.diabetes-batch.deployments.script.code_configuration.code: "
            "found the text 'azureml:code@latest', allowed: azureml:<name>:<version>",
            id="code without an exact version",
        ),
        pytest.param(
            "  scoring:endpoints: {diabetes-batch: {deployments: {script: {code_configuration: "
            "{code: ./script}}}}}\n",
            "3: scoring:endpoints.diabetes-batch.deployments.script.code_configuration.code: "
            "found the text './script', allowed: azureml:<name>:<version>",
            id="code on this machine",
        ),
        pytest.param(
            "  scoring:clusters: {gpu-cluster: {size: Standard_DS3_v2}}\n",
            "models/diabetes/batch-deployment-mlflow.yml:7: compute: no cluster 'cpu-cluster' is "
            "declared; did you mean 'gpu-cluster'?",
            id="a cluster that no stack declares",
        ),
        pytest.param(
            "  scoring:clusters: {cpu-cluster: {size: DS3_v2}}\n",
            "3: scoring:clusters.cpu-cluster.size: found the text 'DS3_v2', "
            "allowed: a size such as Standard_D4ds_v4",
            id="a size that is none",
        ),
        pytest.param(
            "  scoring:clusters: {cpu-cluster: {max_instances: 2}}\n",
            "3: scoring:clusters.cpu-cluster.size: missing, and required",
            id="a cluster without a size",
        ),
        pytest.param(
            "  scoring:clusters: {cpu-cluster: {size: Standard_DS3_v2, max_instances: 0}}\n",
            "3: scoring:clusters.cpu-cluster.max_instances: found the number '0', "
            "allowed: 1 to 65000",
            id="a cluster of no nodes",
        ),
        pytest.param(
            "  scoring:clusters: {cpu-cluster: {size: Standard_DS3_v2, min_instances: 9}}\n",
            "3: scoring:clusters.cpu-cluster.min_instances: found 9, "
            "allowed: at most max_instances, 4",
            id="more nodes at least than at most",
        ),
        pytest.param(
            "  scoring:clusters: {cpu-cluster: {size: Standard_DS3_v2, tier: spot}}\n",
            "3: scoring:clusters.cpu-cluster.tier: found the text 'spot', "
            "allowed: dedicated or low_priority",
            id="an unknown tier",
        ),
        pytest.param(
            "  scoring:clusters: {cpu-cluster: {size: Standard_DS3_v2, "
            "idle_time_before_scale_down: 5}}\n",
            "3: scoring:clusters.cpu-cluster.idle_time_before_scale_down: found the number '5', "
            "allowed: 60 to 86400",
            id="an idle time that is too short",
        ),
        pytest.param(
            "  scoring:clusters: {cpu-cluster: {size: Standard_DS3_v2, max_nodes: 5}}\n",
            "3: scoring:clusters.cpu-cluster.max_nodes: unknown key; did you mean 'max_instances'?",
            id="an unknown key of a cluster",
        ),
        pytest.param(
            "  scoring:clusters: {9lives: {size: Standard_DS3_v2}}\n",
            "3: scoring:clusters.9lives: is no name of a cluster, allowed: 3 to 32 letters, "
            "digits and hyphens, beginning with a letter",
            id="a cluster's name that Azure refuses",
        ),
        pytest.param(
            "  scoring:clusters: {" + "c" * 33 + ": {size: Standard_DS3_v2}}\n",
            "3: scoring:clusters." + "c" * 33 + ": is no name of a cluster, allowed: 3 to 32 "
            "letters, digits and hyphens, beginning with a letter",
            id="a cluster's name that is too long for Azure",
        ),
        pytest.param(
            "  scoring:clusters: many\n",
            "3: scoring:clusters: found the text 'many', allowed: a mapping of clusters by name",
            id="clusters that are none",
        ),
        pytest.param(
            "  azure-native:environment: publc\n",
            "3: azure-native:environment: found 'publc', allowed: public, usgovernment, china, "
            "or a private cloud's name with its host",
            id="an unknown cloud",
        ),
        pytest.param(
            "  azure-native:metadataHost: management.azure.test\n",
            " azure-native:environment: missing, and required beside azure-native:metadataHost, "
            "allowed: public, usgovernment, china, or a private cloud's name with its host",
            id="a private cloud without a name",
        ),
        pytest.param(
            "  azure-native:subscriptionId: mine\n",
            "3: azure-native:subscriptionId: found the text 'mine', allowed: a subscription's id",
            id="a subscription that is none",
        ),
        pytest.param(
            "  scoring:isolation: {secure: v1:hidden}\n",
            "3: scoring:isolation: found a secret, allowed: a plain value",
            id="a secret",
        ),
    ],
)
def test_wrong_configuration_is_said_with_file_line_and_key(
    project: Path, config: str, problem: str
) -> None:
    line = problem if problem.startswith("models/") else f"Pulumi.test.yaml:{problem}"
    assert line in problems(project, LEAST + config)


def test_all_problems_are_said_at_once_in_the_order_of_their_lines(project: Path) -> None:
    lines = problems(
        project,
        "  azure-native:location: Korea Central\n"
        "  scoring:isolation: full\n"
        "  scoring:clusters: {cpu-cluster: {size: DS3}}\n"
        "  scoring:nodes: 3\n"
        "  scoring:endpoints: {diabetes-bach: {}}\n",
    )
    assert [line.split(": ")[0] for line in lines] == [
        f"Pulumi.test.yaml:{number}" for number in (2, 3, 4, 5, 6)
    ]


def test_a_stack_needs_a_location_and_a_subscription(project: Path) -> None:
    lines = problems(project, "", environment={"ARM_SUBSCRIPTION_ID": ""})
    assert lines == [
        "Pulumi.test.yaml: azure-native:location: missing, and required: "
        "`pulumi config set azure-native:location …`",
        "Pulumi.test.yaml: azure-native:subscriptionId: missing, and required, "
        "allowed: a subscription's id here or in ARM_SUBSCRIPTION_ID",
    ]


def test_two_models_may_not_declare_the_same_endpoint(tmp_path: Path) -> None:
    root = copy_project(tmp_path / "project")
    other = root / "models" / "other" / "batch-endpoint.yml"
    other.parent.mkdir()
    other.write_text((root / "models" / "diabetes" / "batch-endpoint.yml").read_text())
    (line,) = problems(root, LEAST)
    assert line == (
        "models/other/batch-endpoint.yml:2: name: found 'diabetes-batch', which "
        "models/diabetes/batch-endpoint.yml:2 declares as batch endpoint already, allowed: once"
    )


def test_a_pinned_script_needs_an_environment(tmp_path: Path) -> None:
    root = copy_project(tmp_path / "project")
    file = root / "models" / "diabetes" / "batch-deployment-script.yml"
    text = file.read_text()
    file.write_text(text[: text.index("environment:")] + text[text.index("compute:") :])
    (line,) = problems(
        root,
        LEAST + CLUSTER + "  scoring:endpoints: {diabetes-batch: {defaults: {deployment_name: "
        'script}, deployments: {script: {model: "azureml:m:1", code_configuration: '
        '{code: "azureml:code:1"}}}}}\n',
    )
    assert line.endswith("environment: missing, and required beside code_configuration on Azure")


def test_a_pinned_batch_deployment_needs_a_cluster(tmp_path: Path) -> None:
    root = copy_project(tmp_path / "project")
    file = root / "models" / "diabetes" / "batch-deployment-mlflow.yml"
    file.write_text(file.read_text().replace("compute: azureml:cpu-cluster\n", ""))
    endpoints = "{diabetes-batch: {deployments: {mlflow: " + MODEL + "}}}"
    (line,) = problems(root, LEAST + CLUSTER + f"  scoring:endpoints: {endpoints}\n")
    assert line == (
        "models/diabetes/batch-deployment-mlflow.yml:1: compute: missing, and required on Azure: "
        "azureml:<name of a cluster>"
    )


def test_a_folder_on_this_machine_is_no_build_of_a_pinned_deployment(project: Path) -> None:
    deployment = '{model: "azureml:m:1", environment: {build: {path: docker}}}'
    endpoints = "{diabetes-batch: {deployments: {mlflow: " + deployment + "}}}"
    (line,) = problems(project, LEAST + CLUSTER + f"  scoring:endpoints: {endpoints}\n")
    assert line == (
        "Pulumi.test.yaml:4: scoring:endpoints.diabetes-batch.deployments.mlflow.environment: "
        "found a build of 'docker' on this machine, allowed: image, with conda_file, or "
        "azureml:<name>:<version>"
    )


def test_outside_of_a_pipeline_the_commit_is_git_s(tmp_path: Path) -> None:
    root = copy_project(tmp_path / "project")
    git = ["git", "-C", str(root), "-c", "user.name=n", "-c", "user.email=e@example.org"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message", "m"], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    ran = fine(root, LEAST, environment={"GIT_COMMIT": ""})
    tags = ran.one("resources:ResourceGroup").inputs["tags"]
    assert tags["commit"] == commit.stdout.strip()


def test_a_cluster_may_be_one_that_something_else_keeps(project: Path) -> None:
    compute = (
        "azureml:/subscriptions/s/resourceGroups/g/providers"
        "/Microsoft.MachineLearningServices/workspaces/w/computes/c"
    )
    deployment = f'{{model: "azureml:m:1", compute: "{compute}"}}'
    ran = fine(
        project,
        LEAST
        + f"  scoring:endpoints: {{diabetes-batch: {{deployments: {{mlflow: {deployment}}}}}}}",
    )
    found = ran.one("machinelearningservices:BatchDeployment")
    assert found.inputs["properties"]["compute"] == compute.removeprefix("azureml:")


def test_a_pinned_deployment_needs_its_cluster_even_where_no_cluster_is_declared(
    project: Path,
) -> None:
    (line,) = problems(
        project,
        LEAST + "  scoring:endpoints: {diabetes-batch: {deployments: {mlflow: " + MODEL + "}}}\n",
    )
    assert line.endswith("compute: no cluster 'cpu-cluster' is declared; there are none")


def test_a_script_whose_code_is_not_pinned_waits(project: Path) -> None:
    ran = fine(
        project,
        LEAST + CLUSTER + "  scoring:endpoints: {diabetes-batch: {deployments: {mlflow: "
        f"{MODEL}, script: {MODEL}}}}}}}\n",
    )
    names = [deployment.name for deployment in ran.of("machinelearningservices:BatchDeployment")]
    assert names == ["diabetes-batch-mlflow"]
    assert "diabetes-batch/script (code)" in ran.logs[0][1]


def test_what_pulumi_has_from_elsewhere_counts_more_than_the_file(project: Path) -> None:
    ran = fine(
        project,
        LEAST + "  scoring:isolation: none\n",
        config={"azure-native:location": "westeurope", "scoring:isolation": "managed"},
    )
    assert ran.outputs["runner"]["location"] == "westeurope"
    network = ran.one("machinelearningservices:Workspace").inputs["managedNetwork"]
    assert network["isolationMode"] == "AllowOnlyApprovedOutbound"


@pytest.mark.parametrize(
    ("production", "seconds"), [("true", "45"), ('"true"', '"45"'), ('"True"', '"45"')]
)
def test_what_pulumi_puts_in_quotes_when_it_writes_the_file_is_what_it_was(
    project: Path, production: str, seconds: str
) -> None:
    text = f"  scoring:production: {production}\n  scoring:roleSettlingSeconds: {seconds}\n"
    ran = fine(project, LEAST + CLUSTER + text)
    assert ran.one("machinelearningservices:Workspace").protect
    assert {
        resource.inputs["seconds"] for resource in ran.resources if "seconds" in resource.inputs
    } == {45}


def test_a_quoted_false_is_no(project: Path) -> None:
    ran = fine(project, LEAST + '  scoring:production: "false"\n')
    assert not ran.one("machinelearningservices:Workspace").protect


def test_single_values_that_pulumi_has_from_elsewhere_are_text_to_it(project: Path) -> None:
    more = {"scoring:production": "true", "scoring:generation": "2"}
    ran = fine(project, LEAST, config=more)
    assert ran.one("machinelearningservices:Workspace").protect


def test_what_pulumi_has_from_elsewhere_is_checked_without_a_line(project: Path) -> None:
    (line,) = problems(project, LEAST, config={"scoring:clusters": '{"cpu-cluster": {"size": 3}}'})
    assert line == (
        "Pulumi.test.yaml: scoring:clusters.cpu-cluster.size: found the number '3', "
        'allowed: text, in quotes: "3"'
    )


def test_a_stack_needs_no_file_when_pulumi_has_everything(tmp_path: Path) -> None:
    root = copy_project(tmp_path / "project")
    ran = run_program(root, "other", config={"azure-native:location": "koreacentral"})
    assert ran.error is None
    assert ran.outputs["runner"]["resource_group"] == "scoring-other"


def test_a_secret_of_pulumi_s_is_refused_and_not_shown(project: Path) -> None:
    (line,) = problems(
        project,
        LEAST,
        config={"scoring:defaultEndpoint": "hidden"},
        secrets=("scoring:defaultEndpoint",),
    )
    assert line.endswith("scoring:defaultEndpoint: found a secret, allowed: a plain value")
    assert "hidden" not in line


@pytest.mark.parametrize(
    ("config", "environment", "name"),
    [
        ("", {}, "AzureCloud"),
        ("  azure-native:environment: usgovernment\n", {}, "AzureUSGovernment"),
        ("", {"ARM_ENVIRONMENT": "china"}, "AzureChinaCloud"),
        (
            "  azure-native:metadataHost: management.azure.test\n"
            "  azure-native:environment: AzureTest\n",
            {},
            "AzureTest",
        ),
        (
            "",
            {
                "ARM_METADATA_HOSTNAME": "management.azure.test",
                "AZUREML_CURRENT_CLOUD": "AzureTest",
            },
            "AzureTest",
        ),
    ],
)
def test_the_cloud_is_named_as_the_sdk_names_it(
    project: Path, config: str, environment: dict[str, str], name: str
) -> None:
    assert cloud(fine(project, LEAST + config, environment=environment)) == name


def test_keys_of_the_provider_and_of_other_packages_are_left_to_them(project: Path) -> None:
    fine(project, LEAST + "  azure-native:tenantId: a\n  azure-native:useOidc: true\n  aws:x: y\n")


def test_the_subscription_may_stand_in_the_stack_file(project: Path) -> None:
    own = "AAAAAAAA-2222-3333-4444-555555555555"
    ran = fine(project, LEAST + f"  azure-native:subscriptionId: {own}\n")
    assert ran.outputs["runner"]["subscription_id"] == own.lower()


NAMED = {
    "storage:StorageAccount": "accountName",
    "keyvault:Vault": "vaultName",
    "machinelearningservices:Workspace": "workspaceName",
    "machinelearningservices:BatchEndpoint": "endpointName",
}


def test_another_generation_takes_no_name_of_the_one_before(project: Path) -> None:
    first, second = (fine(project, LEAST + more) for more in ("", '  scoring:generation: "2"\n'))
    for kind, key in NAMED.items():
        taken = {found.inputs[key] for found in first.of(kind)}
        assert taken
        assert taken.isdisjoint(found.inputs[key] for found in second.of(kind))


INSTALLING = (
    "  scoring:isolation: managed\n"
    "  scoring:endpoints: {diabetes-batch: {deployments: {mlflow: " + MODEL + "}}}\n"
)


NOWHERE = "scoring:outbound: missing, and required, as diabetes-batch/mlflow install packages"


def test_a_managed_network_without_hosts_is_refused_where_packages_are_to_be_installed(
    project: Path,
) -> None:
    (line,) = problems(project, LEAST + CLUSTER + INSTALLING)
    assert line.startswith(f"Pulumi.test.yaml: {NOWHERE}")
    assert "`scoring:outbound: [python-packages, conda]` has them fetched" in line


@pytest.mark.parametrize(
    ("environment", "refused"),
    [
        ("{image: i}", False),
        ('"azureml:built:1"', False),
        ("{image: i, conda_file: {dependencies: [python]}}", True),
        ("{build: {path: 'https://example.org/context.tar'}}", True),
    ],
)
def test_what_is_built_already_has_no_packages_to_install(
    project: Path, environment: str, refused: bool
) -> None:
    pinned = MODEL.removesuffix("}") + f", environment: {environment}}}"
    text = LEAST + CLUSTER + INSTALLING.replace(MODEL, pinned)
    error = run_program(project, "test", "config:\n" + text).error or ""
    assert (NOWHERE in error) is refused


@pytest.mark.parametrize(
    "text",
    [
        INSTALLING + "  scoring:outbound: [example.org]\n",
        INSTALLING + "  scoring:outbound: []\n",
        INSTALLING.replace("managed", "allow_internet_outbound"),
        INSTALLING.replace("managed", "none"),
        "  scoring:isolation: managed\n",
    ],
    ids=["with hosts", "as said", "with the internet", "in an open network", "with nothing pinned"],
)
def test_a_network_that_lets_packages_in_is_fine(project: Path, text: str) -> None:
    fine(project, LEAST + CLUSTER + text)


def test_hosts_that_a_managed_network_may_reach_are_rules_of_their_own(project: Path) -> None:
    ran = fine(
        project,
        LEAST + "  scoring:isolation: managed\n  scoring:firewallSku: standard\n"
        "  scoring:outbound: [example.org, '*.example.com', conda, anaconda.com, Example.org]\n",
    )
    network = ran.one("machinelearningservices:Workspace").inputs["managedNetwork"]
    assert network["outboundRules"] == {}
    assert network["firewallSku"] == "Standard"
    rules = ran.of("machinelearningservices:ManagedNetworkSettingsRule")
    hosts = {
        rule.inputs["ruleName"]: rule.inputs["properties"]["destination"]
        for rule in rules
        if rule.inputs["properties"]["type"] == "FQDN"
    }
    conda = ["anaconda.com", "*.anaconda.com", "*.anaconda.org"]
    assert sorted(hosts.values()) == sorted(["example.org", "*.example.com", *conda])
    assert all(re.fullmatch("[A-Za-z0-9_-]{3,33}", name) for name in hosts)
    told = [message for level, message in ran.logs if "Azure Firewall" in message]
    assert "the 5 hosts" in told[0]
    assert "(standard), which costs about 1.25 US$ an hour" in told[0]


def test_with_the_internet_a_managed_network_has_no_hosts_and_no_firewall(project: Path) -> None:
    ran = fine(project, LEAST + CLUSTER + "  scoring:isolation: allow_internet_outbound\n")
    workspace = ran.one("machinelearningservices:Workspace").inputs
    assert workspace["managedNetwork"]["isolationMode"] == "AllowInternetOutbound"
    assert "firewallSku" not in workspace["managedNetwork"]
    assert workspace["publicNetworkAccess"] == "Disabled"
    rules = ran.of("machinelearningservices:ManagedNetworkSettingsRule")
    assert {rule.name for rule in rules} == {"outbound-storage-queue", "outbound-storage-table"}


def test_a_cluster_may_keep_all_of_its_machines(project: Path) -> None:
    size = "{size: Standard_DS3_v2, min_instances: 2, max_instances: 2}"
    ran = fine(project, LEAST + f"  scoring:clusters: {{cpu-cluster: {size}}}\n")
    cluster = ran.one("machinelearningservices:Compute").inputs["properties"]["properties"]
    assert cluster["scaleSettings"]["minNodeCount"] == 2


def test_a_share_of_nothing_waits_for_no_pin_and_is_no_traffic(project: Path) -> None:
    split = "traffic: {blue: 100, green: 0}, mirror_traffic: {green: 0}"
    text = f"{{diabetes-online: {{{split}, deployments: {{blue: {MODEL}}}}}}}"
    ran = fine(project, LEAST + CLUSTER + f"  scoring:endpoints: {text}\n")
    (routing,) = ran.of("pulumi-python:dynamic/scoring:Routing")
    assert routing.inputs["traffic"] == "blue=100"
    assert "mirror_traffic" not in routing.inputs
    assert ran.outputs["runner"]["endpoints"]["diabetes-online"]["traffic"] == {"blue": 100}


@pytest.mark.parametrize("isolation", ["managed", "allow_internet_outbound"])
def test_the_machine_that_builds_images_has_its_size_in_its_name(
    project: Path, isolation: str
) -> None:
    text = f"  scoring:isolation: {isolation}\n  scoring:imageBuilderSize: Standard_E4ds_v5\n"
    ran = fine(project, LEAST + CLUSTER + text)
    builder = ran.one("machinelearningservices:Compute", "image-builder-e4ds-v5")
    assert builder.inputs["properties"]["properties"]["vmSize"] == "Standard_E4ds_v5"
    assert ran.one(WORKSPACE).inputs["imageBuildCompute"] == "image-builder-e4ds-v5"


def test_rules_of_hosts_have_names_that_azure_takes_and_no_two_the_same() -> None:
    hosts = ["*.example.org", "any.example.org", "any-example.org", "a.b", f"{'x' * 60}.org"]
    names = [rule_name(host) for host in hosts]
    assert len({*names}) == len(hosts)
    assert all(re.fullmatch("[A-Za-z0-9_-]{3,33}", name) for name in names)
    assert names[0].startswith("any-example-org-")
