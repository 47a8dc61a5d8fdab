"""Addresses of what a job made."""

from __future__ import annotations

import pytest

from runner.errors import WrongUsage
from runner.jobs.addresses import (
    JobAddress,
    JobOutput,
    RegisteredModel,
    RunArtifact,
    artifact_of,
    is_job_address,
    parse_job_address,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (
            "azureml://jobs/j/outputs/artifacts/paths/model/",
            JobOutput("j", "artifacts", "model"),
        ),
        ("azureml://jobs/j/outputs/artifacts/paths/a/b", JobOutput("j", "artifacts", "a/b")),
        ("azureml://jobs/j/outputs/model", JobOutput("j", "model")),
        ("azureml://jobs/j/outputs/model/paths/", JobOutput("j", "model")),
        ("runs:/0a1b/model", RunArtifact("0a1b", "model")),
        ("runs:/0a1b/a/b", RunArtifact("0a1b", "a/b")),
        ("models:/greeter/3", RegisteredModel("greeter", "3")),
        ("models:/greeter@best", RegisteredModel("greeter", alias="best")),
        ("models:/m-0a1b", RegisteredModel(id="m-0a1b")),
    ],
)
def test_an_address_is_read_and_written(text: str, address: JobAddress) -> None:
    assert is_job_address(text)
    assert parse_job_address(text) == address
    assert parse_job_address(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "azureml://jobs/j/outputs/artifacts/paths/../../other",
        "azureml://jobs/j/outputs/artifacts/paths/a/..",
        "runs:/0a1b/../other",
        "runs:/0a1b/a\\..\\..\\b",
    ],
)
def test_a_path_that_climbs_is_refused(text: str) -> None:
    with pytest.raises(WrongUsage, match="leads out of the run"):
        parse_job_address(text)


def test_an_artifact_that_climbs_is_refused() -> None:
    assert artifact_of("j", "model/") == JobOutput("j", "artifacts", "model")
    with pytest.raises(WrongUsage, match="leads out of the run"):
        artifact_of("j", "../k")


@pytest.mark.parametrize(
    "text", ["azureml://jobs/j", "runs:/0a1b", "models:/", "models:/greeter", "models:/a/b/c"]
)
def test_what_names_nothing_is_told_the_forms(text: str) -> None:
    assert is_job_address(text)
    with pytest.raises(WrongUsage, match="names nothing that a job made, allowed: azureml://jobs/"):
        parse_job_address(text)


@pytest.mark.parametrize("text", ["./model", "azureml:model:1", "https://a.test/model"])
def test_anything_else_is_none(text: str) -> None:
    assert not is_job_address(text)
