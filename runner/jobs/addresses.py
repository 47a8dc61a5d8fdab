"""Parses addresses of what a job made: its outputs, its run's artifacts and its logged models."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runner.errors import WrongUsage

ARTIFACTS = "artifacts"  # the name of the output that holds what a run logged

_JOB = re.compile(
    r"azureml://jobs/(?P<job>[^/]+)/outputs/(?P<output>[^/]+)(?:/paths(?P<path>/.*)?)?/?"
)
_RUN = re.compile(r"runs:/(?P<run>[^/]+)/(?P<path>.+)")
_MODEL = re.compile(
    r"models:/(?:(?P<id>m-[0-9a-f]+)|(?P<name>[^/@]+)(?:/(?P<version>[^/@]+)|@(?P<alias>[^/@]+)))"
)
_SCHEMES = ("azureml://jobs/", "runs:/", "models:/")
_FORMS = (
    "azureml://jobs/JOB/outputs/artifacts/paths/PATH, azureml://jobs/JOB/outputs/OUTPUT/paths/PATH,"
    " runs:/RUN/PATH, models:/NAME/VERSION, models:/NAME@ALIAS"
)


@dataclass(frozen=True)
class JobOutput:
    """Files in an output that a job declared, or in `artifacts`, which its run logged."""

    job: str
    output: str
    path: str = ""  # below the output; without slashes at its ends

    def __str__(self) -> str:
        return f"azureml://jobs/{self.job}/outputs/{self.output}/paths/{self.path}"


@dataclass(frozen=True)
class RunArtifact:
    """An artifact, or a model that was logged under this name, of an MLflow run."""

    run: str
    path: str

    def __str__(self) -> str:
        return f"runs:/{self.run}/{self.path}"


@dataclass(frozen=True)
class RegisteredModel:
    """A model of MLflow's own registry: by its id, or a name with a version or an alias."""

    name: str | None = None
    version: str | None = None
    alias: str | None = None
    id: str | None = None

    def __str__(self) -> str:
        if self.id:
            return f"models:/{self.id}"
        return f"models:/{self.name}" + (f"/{self.version}" if self.version else f"@{self.alias}")


JobAddress = JobOutput | RunArtifact | RegisteredModel


def is_job_address(text: str) -> bool:
    """Return whether a text means what a job made, well written or not."""
    return text.startswith(_SCHEMES)


def parse_job_address(text: str) -> JobAddress:
    """Parse an address of what a job made. Raises WrongUsage, also for a path that climbs."""
    if found := _JOB.fullmatch(text):
        return JobOutput(found["job"], found["output"], _inside(text, found["path"] or ""))
    if found := _RUN.fullmatch(text):
        return RunArtifact(found["run"], _inside(text, found["path"]))
    if found := _MODEL.fullmatch(text):
        return RegisteredModel(found["name"], found["version"], found["alias"], found["id"])
    raise WrongUsage(f"{text!r} names nothing that a job made, allowed: {_FORMS}")


def artifact_of(job: str, artifact: str) -> JobOutput:
    """Return the address of what a job's run logged under a name. Raises WrongUsage."""
    text = f"azureml://jobs/{job}/outputs/{ARTIFACTS}/paths/{artifact}"
    return JobOutput(job, ARTIFACTS, _inside(text, artifact))


def _inside(text: str, path: str) -> str:
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts or "\\" in path or "\0" in path:
        raise WrongUsage(f"{text!r} leads out of the run: name a path below its artifacts")
    return "/".join(parts)
