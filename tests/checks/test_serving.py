"""Deployments are found that Azure would not wait for, by how long they took here."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.serving_record import record_slowest, record_starts

from .conftest import Checked

ONLINE = "models/m/online-deployment.yml"


@pytest.fixture
def served(project: Checked, tmp_path: Path) -> Checked:
    """Return the project, with a workspace of its own in which `script` took 100 s to start and had
    a request of 4.9 s."""
    own = Checked(project.root, tmp_path / "home", project.wheels)
    folder = own.home / "endpoints" / "online"
    folder.mkdir(parents=True)
    (own.home / "checks").symlink_to(project.home / "checks")
    record_starts(folder, {"script": 100.0})
    record_slowest(folder, {"script": 4.9})
    return own


def declare(project: Checked, text: str) -> None:
    with (project.root / ONLINE).open("a") as file:
        file.write(f"{text}\n")


def test_what_azure_waits_for_by_default_is_enough(served: Checked) -> None:
    assert served.found() == []


def test_a_liveness_probe_that_ends_before_the_start(served: Checked) -> None:
    declare(served, "liveness_probe: {initial_delay: 60, period: 10, failure_threshold: 3}")
    assert served.found() == [f"probe {ONLINE}:12"]
    assert served.findings()[0].severity == "warning"
    assert "starts the container anew after 90 s" in served.text()
    assert "its last start here took 100 s: raise initial_delay" in served.text()


def test_a_readiness_probe_that_ends_before_the_start(served: Checked) -> None:
    declare(served, "readiness_probe: {initial_delay: 1, period: 1}")
    assert served.found() == [f"probe {ONLINE}:12"]


def test_a_probe_that_waits_as_long_as_the_start_took(served: Checked) -> None:
    declare(served, "liveness_probe: {initial_delay: 70, period: 10, failure_threshold: 3}")
    assert served.found() == []


def test_a_request_timeout_that_a_request_outlived(served: Checked) -> None:
    declare(served, "request_settings: {request_timeout_ms: 4000}")
    assert served.found() == [f"request-timeout {ONLINE}:12"]
    assert "408 after 4000 ms, and a request took 4900 ms" in served.text()


def test_nothing_is_said_of_what_was_never_served(project: Checked) -> None:
    declare(project, "liveness_probe: {initial_delay: 1, period: 1, failure_threshold: 1}")
    declare(project, "request_settings: {request_timeout_ms: 1}")
    assert project.found() == []
