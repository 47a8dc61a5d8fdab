"""What a run on a cluster is asked to score: plain data, in the volume as `request.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

FILE = "request.json"


@dataclass(frozen=True)
class ScoreRequest:
    """A batch job, with paths relative to the root of the volume: a cluster may mount it elsewhere.

    Its model is no part of it: that is the run's second argument.
    """

    job: str
    endpoint: str
    deployment: str
    job_id: int  # the Databricks Job of the deployment
    created_at: str  # ISO 8601, UTC
    input: str  # a folder, or a file
    given: str  # the input as it was asked for
    output: str  # the folder in which the output `score` appears
    settings: Mapping[str, Any]  # of the engine's Settings
    names: tuple[str, ...] | None = None  # the files of the folder that count; None: all
    model: str | None = None  # as people name it
    model_folder: str = "model"  # how scripts find it in AZUREML_MODEL_DIR
    script: str | None = None  # None: the generated MLflow driver
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    limited: bool = True  # no more processes than the driver has cores

    def as_text(self) -> str:
        return json.dumps({"type": "batch", **asdict(self)}, indent=2) + "\n"


def parse_score_request(text: str) -> ScoreRequest:
    """Parse what `as_text` wrote."""
    content = json.loads(text)
    content.pop("type")
    names = content["names"]
    return ScoreRequest(**{**content, "names": None if names is None else tuple(names)})
