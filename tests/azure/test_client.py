from __future__ import annotations

import socket

import pytest

from runner.azure.client import Client, fetch_json, timeout
from runner.azure.errors import Missing, ServiceError
from runner.azureml.connection import Connection
from runner.errors import EnvironmentRefused, WrongUsage
from tests.azureml.stage import Stage
from tests.emulator import Emulator, addresses
from tests.emulator.faults import Answer, Drop, Stall, forbidden, throttled, unavailable
from tests.emulator.messages import Response
from tests.emulator.routes import route


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def arm(stage: Stage) -> Client:
    return Connection(stage.outputs()).arm


def test_a_listing_is_read_page_after_page(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage.emulator.cloud, "page_size", 2)
    endpoint = stage.batch("diabetes-batch", ("aaa", "bbb", "ccc", "ddd", "eee"), default=None)
    found = arm(stage).pages("batchEndpoints", endpoint, "deployments")
    assert [item["name"] for item in found] == ["aaa", "bbb", "ccc", "ddd", "eee"]


def test_a_name_may_hold_any_character(stage: Stage) -> None:
    client = arm(stage)
    assert client.url("jobs", "a/b?c#d é").endswith("/jobs/a%2Fb%3Fc%23d%20%C3%A9")
    assert client.find("jobs", "no/such?job") is None


def test_what_is_not_there_is_missing(stage: Stage) -> None:
    with pytest.raises(Missing) as refused:
        arm(stage).get("jobs", "nowhere")
    assert (refused.value.status, refused.value.exit_status) == (404, 3)


@pytest.mark.parametrize("fault", [throttled(), unavailable(), Drop("before"), Drop("middle")])
def test_a_request_is_repeated_until_it_is_answered(stage: Stage, fault: Answer | Drop) -> None:
    name = stage.job(stage.batch("diabetes-batch"), "Running")
    stage.emulator.faults.inject(fault, path=f"*/jobs/{name}")
    assert arm(stage).get("jobs", name)["name"] == name
    assert len(stage.emulator.faults.injected) == 1


@pytest.mark.parametrize("fault", [throttled(), Drop("after")])
def test_a_request_that_must_not_be_repeated_is_not(stage: Stage, fault: Answer | Drop) -> None:
    name = stage.job(stage.batch("diabetes-batch"), "Running")
    client = arm(stage)
    stage.emulator.faults.inject(fault, path=f"*/jobs/{name}", times=2)
    with pytest.raises(ServiceError):
        client.send("GET", client.url("jobs", name), retry="never")
    assert len(stage.emulator.faults.injected) == 1


@pytest.mark.parametrize("fault", [throttled(), Drop("before"), Drop("after")])
def test_a_post_that_only_asks_is_repeated(stage: Stage, fault: Answer | Drop) -> None:
    path = ("datastores", "workspaceblobstore", "listSecrets")
    stage.emulator.faults.inject(fault, path="*/listSecrets")
    assert arm(stage).ask(*path, body={})["secretsType"] == "Sas"
    assert len(stage.emulator.faults.injected) == 1
    stage.emulator.faults.inject(Drop("after"), path="*/listSecrets")
    with pytest.raises(ServiceError):
        arm(stage).post(*path, body={})


def test_a_refusal_is_told_in_azures_words(stage: Stage) -> None:
    stage.emulator.faults.inject(forbidden(), path="*/jobs/any")
    with pytest.raises(ServiceError, match=r"GET scoring/jobs/any \(403, AuthorizationFailed"):
        arm(stage).get("jobs", "any")


def test_a_silent_service_is_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNER_TIMEOUT", "0.3")
    client = arm(stage)
    client.get()
    stage.emulator.faults.inject(Stall(2), path="*/jobs/any")
    with pytest.raises(ServiceError, match=r"does not answer .*RUNNER_TIMEOUT"):
        client.send("GET", client.url("jobs", "any"), retry="never")


@pytest.mark.parametrize("text", ["soon", "0", "-3", "inf", "nan"])
def test_a_timeout_that_makes_no_sense_is_refused(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("RUNNER_TIMEOUT", text)
    with pytest.raises(WrongUsage, match="RUNNER_TIMEOUT"):
        timeout()


def send(url: str) -> None:
    Client(url).send("GET", url, retry="never")


def test_a_proxy_that_does_not_answer_is_named(
    azure: Emulator, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port}")
    with pytest.raises(ServiceError, match="check HTTPS_PROXY and NO_PROXY"):
        send(addresses.MANAGEMENT)


def test_a_certificate_that_is_not_trusted_is_named(
    azure: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(ServiceError, match="REQUESTS_CA_BUNDLE"):
        send(addresses.MANAGEMENT)


def test_a_closed_port_is_told_in_one_line(azure: Emulator, closed_port: int) -> None:
    with pytest.raises(ServiceError, match="check the network") as refused:
        send(f"https://127.0.0.1:{closed_port}")
    assert "\n" not in str(refused.value)


def test_an_answer_that_is_no_json_points_to_the_proxy(azure: Emulator) -> None:
    page = Response(200, b"<html>sign in</html>", {"Content-Type": "text/html"})
    portal = route("GET", addresses.WORKSPACE_HOST, "/portal", lambda _cloud, _call: page)
    azure.add_routes([portal])
    with pytest.raises(EnvironmentRefused, match="not JSON; check HTTPS_PROXY"):
        fetch_json(f"{addresses.workspace_api('koreacentral')}/portal")
