"""The whole program for a stack on Databricks, and what came out of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.names import Names
from runner import __version__
from tests.infra.databricks.declaring import (
    CLUSTER,
    JOB,
    PERMISSIONS,
    PIN,
    PINNED,
    SERVING,
    batch_deployment,
    declared,
    document,
    job_cluster,
    levels,
    online_deployment,
    write_declarations,
)
from tests.infra.declaring import ROLE_DELAY
from tests.infra.mocks import SUBSCRIPTION, Program, copy_project, run_program
from tests.infra.sdk import complaints
from tests.projects import ROOT

PROVIDER = "pulumi:providers:databricks"
KEEPS_DATA = {
    "databricks:Workspace",
    "lake:Catalog",
    "lake:Directory",
    "lake:ExternalLocation",
    "lake:Schema",
    "lake:StorageCredential",
    "lake:Volume",
    "resources:ResourceGroup",
    "storage:BlobContainer",
    "storage:StorageAccount",
}
GREEN = online_deployment(name="green", instance_count=3)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_declarations(tmp_path_factory.mktemp("lake") / "project", GREEN)


@pytest.fixture(scope="module")
def lake(root: Path) -> Program:
    return declared(root)


@pytest.fixture(scope="module")
def production(root: Path) -> Program:
    return declared(root, production=True, groups=["scorers"])


Declare = Callable[..., Program]


@pytest.fixture
def declare(tmp_path: Path) -> Declare:
    """Run the program for these declarations, with more of `scoring:`."""

    def run(*more: str, batch: str = "", online: str = "", **keys: Any) -> Program:
        return declared(write_declarations(tmp_path, *more, batch=batch, online=online), **keys)

    return run


def test_every_property_and_value_is_one_that_the_sdks_know(lake: Program) -> None:
    assert len(lake.lake) > 12
    assert [
        complaint for resource in lake.lake + lake.azure for complaint in complaints(resource)
    ] == []


def test_the_project_s_own_stack_serves_penguins_and_says_what_waits(tmp_path: Path) -> None:
    ran = run_program(copy_project(tmp_path / "project"), "lake")
    assert ran.error is None
    assert [
        complaint for resource in ran.lake + ran.azure for complaint in complaints(resource)
    ] == []
    assert [job.name for job in ran.of(JOB)] == ["penguins-batch-spark"]
    assert [endpoint.name for endpoint in ran.of(SERVING)] == ["predict-penguin"]
    ((_, message),) = ran.logs
    assert "diabetes-batch/mlflow (model)" in message
    assert "penguin" not in message


def test_what_databricks_own_sdk_does_not_know_is_noticed(lake: Program) -> None:
    job = lake.one(JOB)
    changed = replace(job, inputs={**job.inputs, "queue": {"on": True}, "cluster": "c"})
    assert complaints(changed) == [
        "nightly-spark.cluster: unknown to JobArgs",
        "nightly-spark.queue.on: unknown to JobQueueArgs",
        "nightly-spark.queue.enabled: required by JobQueueArgs",
    ]


def test_the_workspace_is_a_premium_one_with_machines_of_its_own(lake: Program) -> None:
    workspace = lake.one("databricks:Workspace").inputs
    assert (workspace["sku"], workspace["computeMode"]) == ({"name": "premium"}, "Hybrid")
    managed = Names("scoring", "lake", SUBSCRIPTION).managed_group
    assert managed.startswith("scoring-lake-managed-")
    groups = f"/subscriptions/{SUBSCRIPTION}/resourceGroups"
    assert workspace["managedResourceGroupId"] == f"{groups}/{managed}"


def test_databricks_is_signed_in_to_as_azure_is_and_no_token_is_stored(lake: Program) -> None:
    provider = lake.one(PROVIDER)
    workspace = lake.one("databricks:Workspace")
    assert provider.inputs == {
        "azureEnvironment": "public",
        "azureWorkspaceResourceId": workspace.id,
        "host": lake.outputs["runner"]["host"],
    }
    assert {resource.provider for resource in lake.lake} == {f"{provider.urn}::{provider.id}"}


def test_the_catalog_lies_in_the_stack_s_own_storage_which_its_connector_reaches(
    lake: Program,
) -> None:
    account = lake.one("storage:StorageAccount")
    assert account.inputs["isHnsEnabled"] is True
    assert account.inputs["allowSharedKeyAccess"] is False
    (role,) = lake.of("authorization:RoleAssignment")
    assert role.inputs["principalId"] == "principal of access-connector"
    assert role.inputs["scope"] == account.id
    credential = lake.one("lake:StorageCredential")
    connector = lake.one("databricks:AccessConnector").id
    assert credential.inputs["azureManagedIdentity"] == {"accessConnectorId": connector}
    # Databricks tries the credential as it is made.
    assert lake.one(ROLE_DELAY).urn in credential.dependencies
    location = lake.one("lake:ExternalLocation").inputs
    name = account.inputs["accountName"]
    assert location["url"] == f"abfss://catalog@{name}.dfs.core.windows.net/"
    assert lake.one("lake:Catalog").inputs["storageRoot"] == location["url"]


def test_schema_and_volume_are_what_models_and_files_are_kept_in(root: Path) -> None:
    ran = declared(root, schema="birds")
    assert ran.one("lake:Schema").id == "lake.birds"
    volume = ran.one("lake:Volume").inputs
    assert (volume["catalogName"], volume["schemaName"]) == ("lake", "birds")
    assert volume["volumeType"] == "MANAGED"
    assert not ran.of("lake:RegisteredModel")  # the runner's to make


def test_a_cluster_is_what_the_stack_says_in_databricks_own_words(lake: Program) -> None:
    cluster = lake.one("lake:Cluster", "ml-cluster").inputs
    assert cluster["clusterName"] == "ml-cluster"
    assert cluster["sparkVersion"] == CLUSTER["spark_version"]
    assert cluster["nodeTypeId"] == cluster["driverNodeTypeId"] == CLUSTER["node_type_id"]
    assert (cluster["autoterminationMinutes"], cluster["dataSecurityMode"]) == (20, "SINGLE_USER")
    assert cluster["numWorkers"] == 0
    assert cluster["sparkConf"]["spark.databricks.cluster.profile"] == "singleNode"
    assert cluster["customTags"] == {
        "ResourceClass": "SingleNode",
        "environment": "lake",
        "project": "scoring",
    }
    assert levels(lake, "cluster-ml-cluster") == {"users": "CAN_RESTART"}


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({"num_workers": 3}, {"numWorkers": 3}),
        (
            {"autoscale": {"min_workers": 1, "max_workers": 4}},
            {"autoscale": {"minWorkers": 1, "maxWorkers": 4}},
        ),
    ],
)
def test_a_cluster_has_as_many_workers_as_it_says(
    declare: Declare, keys: dict[str, Any], found: dict[str, Any]
) -> None:
    size = {key: value for key, value in CLUSTER.items() if key != "is_single_node"}
    conf = {"spark_conf": {"spark.sql.shuffle.partitions": "8"}}
    ran = declare(clusters={"big": {**size, **conf, **keys, "single_user_name": "ada@example.org"}})
    cluster = ran.one("lake:Cluster").inputs
    assert {key: cluster.get(key) for key in ("numWorkers", "autoscale") if key in cluster} == found
    assert cluster["sparkConf"] == {"spark.sql.shuffle.partitions": "8"}
    assert cluster["singleUserName"] == "ada@example.org"


@pytest.mark.parametrize(
    ("newer", "mode"),
    [
        ("DATA_SECURITY_MODE_DEDICATED", "SINGLE_USER"),
        ("DATA_SECURITY_MODE_STANDARD", "USER_ISOLATION"),
    ],
)
def test_a_newer_word_for_whose_a_cluster_is_is_declared_by_the_one_it_is_answered_with(
    declare: Declare, newer: str, mode: str
) -> None:
    ran = declare(clusters={"ml-cluster": {**CLUSTER, "data_security_mode": newer}})
    assert ran.one("lake:Cluster").inputs["dataSecurityMode"] == mode
    assert job_cluster(ran.one(JOB))["dataSecurityMode"] == mode


def test_clusters_that_people_make_are_held_to_the_stack_s_policy(root: Path) -> None:
    long = {**CLUSTER, "autotermination_minutes": 90}
    ran = declared(root, clusters={"ml-cluster": long}, groups=["scorers"])
    policy = ran.one("lake:ClusterPolicy")
    definition = json.loads(policy.inputs["definition"])
    assert definition["autotermination_minutes"]["maxValue"] == 90
    assert definition["data_security_mode"]["values"] == [
        "DATA_SECURITY_MODE_DEDICATED",
        "SINGLE_USER",
    ]
    assert definition["custom_tags.environment"] == {"type": "fixed", "value": "lake"}
    assert ran.one("lake:Cluster").inputs["policyId"] == policy.id
    assert levels(ran, "cluster-policy") == {"scorers": "CAN_USE"}


def test_a_pinned_batch_deployment_is_a_job_on_a_cluster_of_its_own(lake: Program) -> None:
    job = lake.one(JOB, "nightly-spark").inputs
    (task,) = job["tasks"]
    assert task["pythonWheelTask"] == {
        "packageName": "batch_scoring_runner",
        "entryPoint": "score",
        "parameters": ["{{job.parameters.request}}", "{{job.parameters.model}}"],
    }
    wheel = (
        f"/Volumes/lake/scoring/files/wheels/batch_scoring_runner-{__version__}-py3-none-any.whl"
    )
    assert task["libraries"] == [{"whl": wheel}]
    assert job["parameters"] == [
        {"name": "request", "default": ""},
        {"name": "model", "default": "models:/lake.scoring.penguin-predictor/2"},
    ]
    (cluster,) = job["jobClusters"]
    assert task["jobClusterKey"] == cluster["jobClusterKey"]
    assert cluster["newCluster"]["numWorkers"] == 0
    assert "autoterminationMinutes" not in cluster["newCluster"]  # it ends with its run
    assert job["queue"] == {"enabled": True}
    assert job["timeoutSeconds"] > 0
    assert job["tags"] == {"environment": "lake", "project": "scoring"}
    assert levels(lake, "job-nightly-spark") == {"users": "CAN_MANAGE_RUN"}


def test_a_job_s_cluster_has_the_count_the_size_and_the_variables_of_its_deployment(
    declare: Declare,
) -> None:
    batch = batch_deployment(
        resources={"instance_count": 4, "instance_type": "Standard_E8ds_v5"},
        settings={"environment_variables": {"LEVEL": "high"}},
    )
    clusters = {"ml-cluster": {**CLUSTER, "spark_env_vars": {"LEVEL": "low", "ZONE": "1"}}}
    cluster = job_cluster(declare(batch=batch, clusters=clusters).one(JOB))
    assert (cluster["numWorkers"], cluster["nodeTypeId"]) == (4, "Standard_E8ds_v5")
    assert cluster["driverNodeTypeId"] == "Standard_E8ds_v5"
    assert "sparkConf" not in cluster
    assert cluster["sparkEnvVars"] == {"LEVEL": "high", "ZONE": "1"}


def test_of_several_clusters_a_job_s_is_as_the_one_that_its_compute_names(
    declare: Declare,
) -> None:
    other = {**CLUSTER, "node_type_id": "Standard_E8ds_v5"}
    ran = declare(clusters={"ml-cluster": CLUSTER, "cpu-cluster": other})
    assert job_cluster(ran.one(JOB))["nodeTypeId"] == "Standard_E8ds_v5"


def test_what_an_environment_installs_by_pip_is_installed_for_the_job(declare: Declare) -> None:
    packages = ["scikit-learn==1.9.1", "pyspark==4.0.5", "shapely"]  # Spark is the runtime's
    conda = {"dependencies": ["python=3.11", "pip", {"pip": packages}]}
    environment = {"name": "e", "image": "i", "conda_file": conda}
    (task,) = declare(batch=batch_deployment(environment=environment)).one(JOB).inputs["tasks"]
    assert task["libraries"][1:] == [
        {"pypi": {"package": "scikit-learn==1.9.1"}},
        {"pypi": {"package": "shapely"}},
    ]


def test_what_only_azure_s_executor_needs_is_installed_only_where_the_code_imports_it(
    tmp_path: Path, declare: Declare
) -> None:
    packages = [
        "azureml-core>=1.61,<2",
        "azureml_dataset.runtime[fuse]",
        "AzureML-Defaults",
        "wheelwork",
    ]
    environment = {"name": "e", "image": "i", "conda_file": {"dependencies": [{"pip": packages}]}}
    script = tmp_path / "code" / "score.py"
    script.parent.mkdir()
    code = {"code": str(script.parent), "scoring_script": "score.py"}
    deployment = batch_deployment(environment=environment, code_configuration=code)
    for text, installed in (
        ("import azure.core\n# from azureml import\n", packages[3:]),
        ("def run(files):\n    from azureml.core import Model\n", packages),
    ):
        script.write_text(text)
        (task,) = declare(batch=deployment).one(JOB).inputs["tasks"]
        assert [library["pypi"]["package"] for library in task["libraries"][1:]] == installed


def test_an_online_endpoint_serves_its_pinned_deployments_by_its_traffic(root: Path) -> None:
    traffic = {"blue": 90, "green": 10}
    pins = {"blue": {"model": PIN}, "green": {"model": "azureml:penguin-predictor:3"}}
    ran = declared(root, endpoints={"live": {"traffic": traffic, "deployments": pins}})
    config = ran.one(SERVING, "live").inputs["config"]
    blue, green = config["servedEntities"]
    assert blue == {
        "name": "blue",
        "entityName": "lake.scoring.penguin-predictor",
        "entityVersion": "2",
        "workloadSize": "Small",
        "scaleToZeroEnabled": True,
    }
    assert (green["entityVersion"], green["workloadSize"]) == ("3", "Medium")
    assert config["trafficConfig"]["routes"] == [
        {"servedEntityName": "blue", "trafficPercentage": 90},
        {"servedEntityName": "green", "trafficPercentage": 10},
    ]
    assert levels(ran, "serving-live") == {"users": "CAN_QUERY"}


def test_the_only_deployment_answers_all_requests_where_no_traffic_is_said(
    declare: Declare,
) -> None:
    ran = declare(endpoints={"live": {"deployments": {"blue": {"model": PIN}}}})
    routes = ran.one(SERVING).inputs["config"]["trafficConfig"]["routes"]
    assert routes == [{"servedEntityName": "blue", "trafficPercentage": 100}]


def test_a_served_model_gets_its_environment_variables(declare: Declare) -> None:
    online = online_deployment(environment_variables={"LEVEL": "high"})
    (entity,) = declare(online=online).one(SERVING).inputs["config"]["servedEntities"]
    assert entity["environmentVars"] == {"LEVEL": "high"}


def test_an_endpoint_of_which_nothing_is_pinned_waits_and_the_preview_says_so(
    root: Path,
) -> None:
    ran = declared(root, endpoints={"live": PINNED["live"]})
    assert not ran.of(JOB)
    assert set(ran.outputs["runner"]["endpoints"]) == {"live"}
    ((level, message),) = ran.logs
    assert level == "info"
    assert "nightly/spark (model)" in message
    assert "live/green (model)" in message
    assert "--env lake --pin" in message


def scripted() -> str:
    """Return the declaration of `nightly/spark` with a scoring script."""
    code = {"code": ".", "scoring_script": "score.py"}
    return batch_deployment(code_configuration=code, environment={"name": "e", "image": "i"})


def test_a_scripted_deployment_is_deployed_by_the_pin_of_its_model_alone(declare: Declare) -> None:
    ran = declare(batch=scripted())
    assert ran.logs == ()
    job = ran.one(JOB, "nightly-spark").inputs
    assert job["parameters"] == [
        {"name": "request", "default": ""},
        {"name": "model", "default": "models:/lake.scoring.penguin-predictor/2"},
    ]
    endpoint = ran.outputs["runner"]["endpoints"]["nightly"]
    assert (endpoint["deployments"], endpoint["default"]) == (["spark"], "spark")


def test_a_scripted_deployment_waits_for_the_pin_of_its_model_alone(declare: Declare) -> None:
    ran = declare(batch=scripted(), endpoints={"live": PINNED["live"]})
    assert not ran.of(JOB)
    ((_, message),) = ran.logs
    assert "nightly/spark (model)" in message


def test_a_script_that_scores_without_a_model_waits_for_no_pin(declare: Declare) -> None:
    without_model = document(
        "modelBatchDeployment",
        name="spark",
        endpoint_name="nightly",
        code_configuration={"code": ".", "scoring_script": "score.py"},
        environment={"name": "e", "image": "i"},
    )
    ran = declare(batch=without_model, endpoints={"live": PINNED["live"]})
    assert ran.logs == ()
    request, model = ran.one(JOB, "nightly-spark").inputs["parameters"]
    assert (request["default"], model["default"]) == ("", "")
    jobs = ran.outputs["runner"]["endpoints"]["nightly"]["jobs"]
    assert jobs["spark"]["model"] is None


def test_an_online_deployment_with_a_script_is_never_said_to_wait(declare: Declare) -> None:
    code = {"code": ".", "scoring_script": "score.py"}
    green = online_deployment(name="green", code_configuration=code)
    assert declare(green).logs == ()


def test_production_keeps_what_holds_data_and_serves_without_a_start(
    production: Program, lake: Program
) -> None:
    kept = {resource.kind for resource in production.resources if resource.retain_on_delete}
    assert kept == KEEPS_DATA
    protected = {resource.kind for resource in production.resources if resource.protect}
    assert protected == KEEPS_DATA | {"lake:ModelServing", "pulumi:index:Stash"}
    assert not any(resource.protect or resource.retain_on_delete for resource in lake.resources)
    for kind in ("lake:Catalog", "lake:Schema"):
        assert lake.one(kind).inputs["forceDestroy"] is True
        assert production.one(kind).inputs["forceDestroy"] is False
    (entity,) = production.one(SERVING).inputs["config"]["servedEntities"]
    assert entity["scaleToZeroEnabled"] is False


def test_groups_in_place_of_all_users_may_run_ask_and_register(
    production: Program, lake: Program
) -> None:
    for ran, group in ((production, "scorers"), (lake, "account users")):
        grants = ran.one("lake:Grants", "schema-grants").inputs["grants"]
        assert [grant["principal"] for grant in grants] == [group]
        assert {"EXECUTE", "CREATE_MODEL", "READ_VOLUME", "WRITE_VOLUME"} <= {
            *grants[0]["privileges"]
        }
    names = {permissions.name for permissions in production.of(PERMISSIONS)}
    assert {group for name in names for group in levels(production, name)} == {"scorers"}


def test_the_output_is_what_the_runner_reads(lake: Program) -> None:
    names = lake.one("databricks:Workspace").inputs["workspaceName"]
    host = f"https://adb-{1000 + len(names)}.7.azuredatabricks.net"
    job = lake.one(JOB)
    assert lake.outputs["runner"] == {
        "schema_version": 1,
        "platform": "databricks",
        "stack": "lake",
        "subscription_id": SUBSCRIPTION,
        "resource_group": "scoring-lake",
        "workspace": names,
        "location": "koreacentral",
        "cloud": "AzureCloud",
        "resource_id": lake.one("databricks:Workspace").id,
        "host": host,
        "workspace_id": str(1000 + len(names)),
        "catalog": "lake",
        "schema": "scoring",
        "volume": "/Volumes/lake/scoring/files",
        "experiments": "/Shared/scoring-lake",
        "wheel": "/Volumes/lake/scoring/files/wheels"
        f"/batch_scoring_runner-{__version__}-py3-none-any.whl",
        "clusters": {"ml-cluster": {"cluster_id": lake.one("lake:Cluster").id}},
        "endpoints": {
            "nightly": {
                "kind": "batch",
                "name": "nightly",
                "deployments": ["spark"],
                "default": "spark",
                "jobs": {
                    "spark": {
                        "job_id": int(job.id),
                        "model": "models:/lake.scoring.penguin-predictor/2",
                    }
                },
            },
            "live": {
                "kind": "online",
                "name": "live",
                "scoring_uri": f"{host}/serving-endpoints/live/invocations",
                "deployments": ["blue"],
                "traffic": {"blue": 100},
            },
        },
    }


def test_other_stacks_never_load_what_only_databricks_needs() -> None:
    # In a process of its own, as this one has loaded it.
    script = (
        "import pathlib, sys, tempfile\n"
        "from tests.infra.mocks import copy_project, run_program\n"
        "root = copy_project(pathlib.Path(tempfile.mkdtemp()) / 'project')\n"
        "assert run_program(root, 'dev').error is None\n"
        "print([name for name in sys.modules if 'databricks' in name.partition('.')[0]])\n"
        "print([name for name in sys.modules if name.startswith('infra.databricks')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["[]", "[]"]
