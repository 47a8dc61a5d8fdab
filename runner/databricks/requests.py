"""The requests of jobs on a cluster: plain data, in the job's folder as `request.json`.

Paths in it start from the root of the volume, which a cluster may have elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

FILE = "request.json"


@dataclass(frozen=True)
class ScoreRequest:
    """The request of a batch job. The run gets its model as a second argument, apart from this."""

    job: str
    endpoint: str
    deployment: str
    job_id: int  # the Databricks Job of the deployment
    created_at: str  # ISO 8601, UTC
    input: str  # a folder, or a file
    given: str  # the input as it was asked for
    output: str  # the folder in which the output `score` appears
    settings: Mapping[str, Any]  # of the engine's Settings
    model: str | None = None  # as people name it
    model_folder: str = "model"  # how scripts find it in AZUREML_MODEL_DIR
    script: str | None = None  # None: the generated MLflow driver
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    limited: bool = True  # no more processes than the driver has cores
    engine: str | None = None  # of the engine's; None: Spark for a Spark ML model
    type: Literal["batch"] = "batch"

    @property
    def outputs(self) -> Mapping[str, str]:
        """Return the paths of the outputs by name."""
        return {"score": self.output}


@dataclass(frozen=True)
class TrainRequest:
    """The request of a training job, with ${{inputs.X}} and ${{outputs.X}} in its arguments."""

    job: str
    created_at: str  # ISO 8601, UTC
    model: str | None  # the folder that declares it
    cluster: str  # the id of the cluster it runs on
    bootstrap: str  # the path of the program that runs its own
    run_id: str  # of its MLflow run
    experiment_id: str
    experiment: str
    code: str  # the folder that holds it
    program: tuple[str, ...]  # a Python file in it and its arguments
    inputs: Mapping[str, str]  # paths and values
    files: tuple[str, ...]  # the inputs that are paths
    outputs: Mapping[str, str]
    folders: tuple[str, ...]  # the outputs that are no single file
    given: Mapping[str, str] = field(default_factory=dict)  # input → as it was asked for
    modules: tuple[str, ...] = ()  # files and folders of the code that Python imports from
    type: Literal["spark"] = "spark"
    job_id: None = None  # it is a run of no Databricks Job


JobRequest = ScoreRequest | TrainRequest


def request_text(request: JobRequest) -> str:
    """Return the text of a request's file."""
    return json.dumps(asdict(request), indent=2) + "\n"


def parse_request(text: str) -> JobRequest:
    """Parse the text of a request's file."""
    content = json.loads(text)
    if content["type"] == "batch":
        return ScoreRequest(**content)
    for key in ("program", "files", "folders", "modules"):
        content[key] = tuple(content[key])
    return TrainRequest(**content)
