import pytest

from runner.declarations import (
    DeclarationError,
    OnlineDeployment,
    OnlineEndpoint,
    Probe,
    RequestSettings,
    ScaleSettings,
    read,
    read_as,
)

from .conftest import Write

HEAD = "name: blue\nendpoint_name: diabetes-online\n"


def endpoint(write: Write, text: str) -> OnlineEndpoint:
    return read_as(write("online-endpoint.yml", "name: diabetes-online\n" + text), OnlineEndpoint)


def deployment(write: Write, text: str) -> OnlineDeployment:
    return read_as(write("online-deployment.yml", HEAD + text), OnlineDeployment)


def test_an_endpoint_is_read(write: Write) -> None:
    read_one = endpoint(
        write,
        "auth_mode: AMLToken\ntraffic: {blue: 90, green: 10}\nmirror_traffic: {green: 10}\n"
        "public_network_access: disabled\nidentity: {type: user_assigned, "
        "user_assigned_identities: [{resource_id: /x}]}\nkind: Managed\n",
    )
    assert (read_one.auth_mode, read_one.public_network_access) == ("aml_token", "disabled")
    assert (read_one.traffic, read_one.mirror_traffic) == ({"blue": 90, "green": 10}, {"green": 10})
    assert read_one.identity is not None
    assert read_one.identity.user_assigned_identities == ({"resource_id": "/x"},)


@pytest.mark.parametrize("split", ["{}", "{blue: 100}", "{blue: 0}", "{blue: 0, green: 100}"])
def test_traffic_makes_a_hundred_or_nothing(write: Write, split: str) -> None:
    assert sum(endpoint(write, f"traffic: {split}\n").traffic.values()) in (0, 100)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("traffic: {blue: 50}\n", "allowed: percentages that make 100, or all 0"),
        ("traffic: {blue: 101}\n", "traffic.blue: found the number '101', allowed: 0 to 100"),
        ("traffic: {blue: 150, green: -50}\n", "traffic.green"),
        ("traffic: {b_lue: 100}\n", "allowed: names of deployments"),
        ("traffic: {blue: half}\n", "allowed: a whole number"),
        ("mirror_traffic: {blue: 60}\n", "one deployment with at most 50 percent"),
        ("mirror_traffic: {blue: 10, green: 10}\n", "one deployment with at most 50 percent"),
        ("compute: azureml:k8s\n", "compute: Kubernetes endpoints are not supported"),
        ("auth: key\n", "did you mean 'auth_mode'?"),
    ],
)
def test_what_is_wrong_with_an_endpoint_is_named(write: Write, text: str, words: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        endpoint(write, text)
    assert words in str(caught.value)


def test_every_key_of_a_managed_deployment_is_read(write: Write) -> None:
    text = """
        $schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
        name: blue
        endpoint_name: diabetes-online
        model: {path: model}
        model_mount_path: /var/models
        code_configuration: {code: ., scoring_script: score.py}
        environment: {image: a/b}
        environment_variables: {A: 1}
        instance_type: Standard_DS3_v2
        instance_count: 2
        app_insights_enabled: true
        egress_public_network_access: disabled
        private_network_connection: true
        scale_settings: {type: target_utilization, min_instances: 1, max_instances: 3,
                         polling_interval: 10, target_utilization_percentage: 70}
        request_settings: {request_timeout_ms: 3000, max_concurrent_requests_per_instance: 2}
        liveness_probe: {initial_delay: 30, period: 30, timeout: 2, failure_threshold: 30}
        readiness_probe: {success_threshold: 1}
        data_collector:
          collections: {model_inputs: {enabled: 'True', data: azureml:x:1}}
          sampling_rate: 0.5
          rolling_rate: hour
          request_logging: {capture_headers: [x-a]}
        tags: {a: b}
        properties: {c: d}
    """
    read_one = read(write("blue.yml", text))
    assert isinstance(read_one, OnlineDeployment)
    assert (read_one.instance_type, read_one.instance_count) == ("Standard_DS3_v2", 2)
    assert read_one.request_settings == RequestSettings(3000, 2, 500)
    assert read_one.liveness_probe == Probe(30, 30, 2, None, 30)
    assert read_one.scale_settings == ScaleSettings("target_utilization", 1, 3, 10, 70)
    assert read_one.environment_variables == {"A": "1"}
    assert read_one.data_collector is not None
    assert read_one.data_collector.sampling_rate == 0.5
    assert read_one.data_collector.collections["model_inputs"].enabled == "True"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "instance_type: missing, and required"),
        ("instance_type: a\ninstance_count: 0\n", "allowed: 1 or more"),
        ("type: kubernetes\n", "type: Kubernetes deployments are not supported"),
        ("instance_type: a\nsettings: {}\n", "settings: unknown key"),
        ("instance_type: a\nrequest_settings: {request_timeout_ms: 200000}\n", "1 to 180000"),
        (
            "instance_type: a\n"
            "scale_settings: {type: default, min_instances: 3, max_instances: 2}\n",
            "4: scale_settings: found min_instances 3 above max_instances 2",
        ),
        ("instance_type: a\ndata_collector: {sampling_rate: 2}\n", "allowed: 0 to 1"),
    ],
)
def test_what_is_wrong_with_a_deployment_is_named(write: Write, text: str, words: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        deployment(write, text)
    assert words in str(caught.value)
