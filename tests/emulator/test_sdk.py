"""The unmodified SDK against the stand-in: every operation on what lives in a workspace.

The SDK takes seconds to import, so it is imported when the first of these tests runs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from tests.emulator import addresses
from tests.emulator.ml.jobs import put_job
from tests.emulator.seed import CLUSTER, IMAGE, SeededWorkspace, seed_model

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

PATHS = "azureml://datastores/workspaceblobstore/paths"


class _Entities:
    """The SDK's entities, imported when one is asked for."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module("azure.ai.ml.entities"), name)


entities = _Entities()


def code_asset(**given: str) -> Any:
    return importlib.import_module("azure.ai.ml.entities._assets").Code(**given)


@pytest.fixture
def client(azure_workspace: SeededWorkspace) -> MLClient:
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    return MLClient(
        DefaultAzureCredential(),
        azure_workspace.subscription,
        azure_workspace.resource_group,
        azure_workspace.name,
        cloud=addresses.CLOUD,
    )


def _batch_deployment(name: str = "mlflow") -> Any:
    return entities.ModelBatchDeployment(
        name=name,
        endpoint_name="scoring",
        model="azureml:diabetes:1",
        compute=CLUSTER,
        settings=entities.ModelBatchDeploymentSettings(
            mini_batch_size=3, retry_settings=entities.BatchRetrySettings(max_retries=2, timeout=45)
        ),
        resources=entities.ResourceConfiguration(instance_count=2),
    )


def _with_batch(client: MLClient, workspace: SeededWorkspace) -> None:
    seed_model(workspace, "diabetes")
    client.batch_endpoints.begin_create_or_update(
        entities.BatchEndpoint(name="scoring", tags={"team": "risk"})
    ).result()
    client.batch_deployments.begin_create_or_update(_batch_deployment()).result()


def _with_online(client: MLClient, workspace: SeededWorkspace, auth_mode: str = "key") -> None:
    seed_model(workspace, "diabetes")
    client.online_endpoints.begin_create_or_update(
        entities.ManagedOnlineEndpoint(name="live", auth_mode=auth_mode)
    ).result()
    client.online_deployments.begin_create_or_update(
        entities.ManagedOnlineDeployment(
            name="blue",
            endpoint_name="live",
            model="azureml:diabetes:1",
            instance_type="Standard_DS3_v2",
            instance_count=2,
            request_settings=entities.OnlineRequestSettings(request_timeout_ms=3000),
            liveness_probe=entities.ProbeSettings(initial_delay=10),
        )
    ).result()


def test_a_workspace_is_found_with_the_addresses_of_its_services(
    client: MLClient, azure_workspace: SeededWorkspace
) -> None:
    found = client.workspaces.get(azure_workspace.name)
    assert found.location == "koreacentral"
    assert found.discovery_url == "https://koreacentral.api.ml.azure.test/discovery"
    assert str(found.mlflow_tracking_uri).endswith(azure_workspace.id)
    assert [workspace.name for workspace in client.workspaces.list()] == [azure_workspace.name]


def test_a_workspace_that_is_not_there_is_not_found(client: MLClient) -> None:
    with pytest.raises(ResourceNotFoundError) as refused:
        client.workspaces.get("elsewhere")
    assert refused.value.error is not None
    assert refused.value.error.code == "ResourceNotFound"


def test_the_default_datastore_gives_away_a_signature_and_no_key(client: MLClient) -> None:
    default = client.datastores.get_default(include_secrets=True)
    assert default.name == "workspaceblobstore"
    assert "sig=" in str(default.credentials.sas_token)
    assert {datastore.name for datastore in client.datastores.list()} == {
        "workspaceblobstore",
        "workspaceartifactstore",
    }


def test_a_datastore_is_created_and_deleted(
    client: MLClient, azure_workspace: SeededWorkspace
) -> None:
    made = entities.AzureBlobDatastore(
        name="other", account_name=azure_workspace.storage_account, container_name="data"
    )
    client.datastores.create_or_update(made)
    assert client.datastores.get("other").container_name == "data"
    client.datastores.delete("other")
    with pytest.raises(ResourceNotFoundError):
        client.datastores.get("other")


def test_a_cluster_is_created_resized_listed_and_deleted(client: MLClient) -> None:
    def cluster(most: int) -> Any:
        return entities.AmlCompute(
            name="burst",
            size="Standard_DS3_v2",
            max_instances=most,
            idle_time_before_scale_down=60,
        )

    client.compute.begin_create_or_update(cluster(2)).result()
    client.compute.begin_update(cluster(3)).result()
    assert client.compute.get("burst").max_instances == 3
    assert {compute.name for compute in client.compute.list()} == {CLUSTER, "burst"}
    client.compute.begin_delete("burst").result()
    with pytest.raises(ResourceNotFoundError):
        client.compute.get("burst")


def test_models_count_their_versions_and_the_newest_is_the_latest(client: MLClient) -> None:
    for part in ("a", "b"):
        client.models.create_or_update(
            entities.Model(
                name="m", path=f"{PATHS}/{part}", type="mlflow_model", tags={"part": part}
            )
        )
    assert client.models.get("m", label="latest").version == "2"
    assert client.models.get("m", version="1").tags == {"part": "a"}
    assert [model.version for model in client.models.list(name="m")] == ["2", "1"]
    assert [model.latest_version for model in client.models.list()] == ["2"]


def test_an_archived_version_is_not_listed_until_it_is_restored(client: MLClient) -> None:
    client.models.create_or_update(entities.Model(name="m", path=f"{PATHS}/a", type="custom_model"))
    client.models.archive("m", version="1")
    assert list(client.models.list(name="m")) == []
    client.models.restore("m", version="1")
    assert [model.version for model in client.models.list(name="m")] == ["1"]


def test_a_version_keeps_its_path(client: MLClient) -> None:
    client.models.create_or_update(entities.Model(name="m", path=f"{PATHS}/a", type="custom_model"))
    with pytest.raises(HttpResponseError, match=r"\(UserError\) Asset paths cannot be updated\."):
        client.models.create_or_update(
            entities.Model(name="m", version="1", path=f"{PATHS}/b", type="custom_model")
        )


def test_a_list_longer_than_a_page_is_whole(
    client: MLClient, azure_workspace: SeededWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(azure_workspace.emulator.cloud, "page_size", 2)
    for version in range(1, 6):
        seed_model(azure_workspace, "m", str(version))
    assert [model.version for model in client.models.list(name="m")] == ["5", "4", "3", "2", "1"]


def test_data_assets_are_registered_and_found(client: MLClient) -> None:
    client.data.create_or_update(
        entities.Data(name="patients", path=f"{PATHS}/p/", type="uri_folder")
    )
    assert client.data.get("patients", label="latest").version == "1"
    assert [data.name for data in client.data.list()] == ["patients"]
    assert [data.version for data in client.data.list(name="patients")] == ["1"]
    with pytest.raises(ResourceNotFoundError):
        client.data.get("patients", version="2")


def test_code_and_environments_are_registered_and_found(client: MLClient) -> None:
    client._code.create_or_update(code_asset(name="code", version="1", path=f"{PATHS}/code/"))
    assert client._code.get("code", "1").path == f"{PATHS}/code/"
    conda = {"name": "score", "dependencies": ["python"]}
    client.environments.create_or_update(
        entities.Environment(name="env", image=IMAGE, conda_file=conda)
    )
    assert client.environments.get("env", label="latest").image == IMAGE
    assert [environment.name for environment in client.environments.list()] == ["env"]


def test_a_batch_endpoint_gets_deployments_and_then_its_default(
    client: MLClient, azure_workspace: SeededWorkspace
) -> None:
    _with_batch(client, azure_workspace)
    endpoint = client.batch_endpoints.get("scoring")
    assert endpoint.scoring_uri == "https://scoring.koreacentral.inference.ml.azure.test/jobs"
    endpoint.defaults = {"deployment_name": "mlflow"}
    client.batch_endpoints.begin_create_or_update(endpoint).result()
    assert client.batch_endpoints.get("scoring").defaults.deployment_name == "mlflow"
    assert [endpoint.name for endpoint in client.batch_endpoints.list()] == ["scoring"]

    deployment = client.batch_deployments.get("mlflow", "scoring")
    assert deployment.mini_batch_size == 3
    assert deployment.retry_settings.timeout == 45
    assert deployment.output_file_name == "predictions.csv"
    assert [deployment.name for deployment in client.batch_deployments.list("scoring")] == [
        "mlflow"
    ]


def test_a_script_deployment_needs_its_code_and_environment(
    client: MLClient, azure_workspace: SeededWorkspace
) -> None:
    seed_model(azure_workspace, "plain", kind="custom_model")
    client.batch_endpoints.begin_create_or_update(
        entities.BatchEndpoint(name="scoring", tags={})
    ).result()
    client._code.create_or_update(code_asset(name="code", version="1", path=f"{PATHS}/code/"))
    client.environments.create_or_update(entities.Environment(name="env", version="1", image=IMAGE))
    deployment: Any = entities.ModelBatchDeployment(
        name="script",
        endpoint_name="scoring",
        model="azureml:plain:1",
        compute=CLUSTER,
        environment="azureml:env:1",
        code_configuration=entities.CodeConfiguration(
            code="azureml:code:1", scoring_script="score.py"
        ),
        settings=entities.ModelBatchDeploymentSettings(
            mini_batch_size=1, output_action="append_row"
        ),
    )
    client.batch_deployments.begin_create_or_update(deployment).result()
    found = client.batch_deployments.get("script", "scoring")
    assert found.code_configuration.scoring_script == "score.py"


def test_the_default_deployment_is_not_deleted(
    client: MLClient, azure_workspace: SeededWorkspace
) -> None:
    _with_batch(client, azure_workspace)
    endpoint = client.batch_endpoints.get("scoring")
    endpoint.defaults = {"deployment_name": "mlflow"}
    client.batch_endpoints.begin_create_or_update(endpoint).result()
    with pytest.raises(ResourceExistsError, match="is the default of its endpoint"):
        client.batch_deployments.begin_delete("mlflow", "scoring").result()


def test_deleting_a_batch_endpoint_takes_its_deployments_along(
    client: MLClient, azure_workspace: SeededWorkspace
) -> None:
    _with_batch(client, azure_workspace)
    client.batch_endpoints.begin_delete("scoring").result()
    with pytest.raises(ResourceNotFoundError):
        client.batch_endpoints.get("scoring")
    assert azure_workspace.get("batchEndpoints/scoring/deployments/mlflow")[0] == 404


def test_an_online_endpoint_gets_a_deployment_and_then_traffic(
    client: MLClient, azure_workspace: SeededWorkspace
) -> None:
    _with_online(client, azure_workspace)
    endpoint = client.online_endpoints.get("live")
    assert endpoint.traffic == {"blue": 0}
    endpoint.traffic = {"blue": 100}
    client.online_endpoints.begin_create_or_update(endpoint).result()
    assert client.online_endpoints.get("live").traffic == {"blue": 100}
    assert [endpoint.name for endpoint in client.online_endpoints.list()] == ["live"]
    deployment = client.online_deployments.get("blue", "live")
    assert deployment.instance_count == 2
    assert deployment.request_settings.request_timeout_ms == 3000
    assert [deployment.name for deployment in client.online_deployments.list("live")] == ["blue"]
    assert client.online_deployments.get_logs("blue", "live", 10) == ""
    with pytest.raises(ResourceExistsError, match="has traffic"):
        client.online_deployments.begin_delete("blue", "live").result()
    client.online_endpoints.begin_delete("live").result()
    assert list(client.online_endpoints.list()) == []


def test_a_deployment_whose_container_would_not_start_fails_in_azures_words(
    client: MLClient, azure_workspace: SeededWorkspace
) -> None:
    _with_online(client, azure_workspace)
    conda: Any = {"dependencies": ["python=3.11", {"pip": ["joblib"]}]}
    deployment = client.online_deployments.get("blue", "live")
    deployment.environment = entities.Environment(
        name="e", version="1", image=IMAGE, conda_file=conda
    )
    with pytest.raises(HttpResponseError) as refused:
        client.online_deployments.begin_create_or_update(deployment).result()
    assert str(refused.value).startswith(
        "(BadArgument) User container has crashed or terminated: Liveness probe failed"
    )
    assert client.online_deployments.get("blue", "live").provisioning_state == "Failed"
    assert client.online_deployments.get_logs("blue", "live", 10) == (
        "A required package azureml-inference-server-http is missing."
    )


def test_a_regenerated_key_is_another_and_the_second_key_stays(
    client: MLClient, azure_workspace: SeededWorkspace
) -> None:
    _with_online(client, azure_workspace)
    before = client.online_endpoints.get_keys("live")
    client.online_endpoints.begin_regenerate_keys("live").result()
    after: Any = client.online_endpoints.get_keys("live")
    assert after.primary_key != before.primary_key
    assert after.secondary_key == before.secondary_key
    status, shown = azure_workspace.get("onlineEndpoints/live")
    assert status == 200
    assert after.primary_key not in str(shown)


def test_an_endpoint_with_tokens_gives_a_token_and_no_key(
    client: MLClient, azure_workspace: SeededWorkspace
) -> None:
    _with_online(client, azure_workspace, auth_mode="aml_token")
    given: Any = client.online_endpoints.get_keys("live")
    assert given.access_token.count(".") == 2


def test_jobs_are_found_listed_and_canceled(
    client: MLClient, azure_workspace: SeededWorkspace
) -> None:
    put_job(
        azure_workspace.emulator.cloud,
        azure_workspace.id,
        "job-1",
        {
            "jobType": "Command",
            "status": "Running",
            "command": "score",
            "environmentId": f"{azure_workspace.id}/environments/e/versions/1",
        },
    )
    assert client.jobs.get("job-1").status == "Running"
    assert [job.name for job in client.jobs.list()] == ["job-1"]
    client.jobs.begin_cancel("job-1").result()
    assert client.jobs.get("job-1").status == "Canceled"
    with pytest.raises(ResourceNotFoundError):
        client.jobs.get("job-2")
