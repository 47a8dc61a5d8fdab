"""The kinds of job, in one table.

Whatever differs between them only by a word or a key comes from here: the declarations, the
commands and what Azure calls them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

DeclaredJobType = Literal["command", "sweep", "pipeline", "parallel", "spark", "automl"]
JobType = Literal["batch", DeclaredJobType]  # a batch job is begun by invoking an endpoint

JOB_TYPES: tuple[JobType, ...] = ("batch", *get_args(DeclaredJobType))


class JobFacts(NamedTuple):
    """The facts that tell one kind of declared job from another."""

    noun: str  # with its article, for messages
    schema: str  # the name of its file at azuremlschemas
    azure_name: str  # its jobType in Azure's REST interface


JOB_KINDS: Mapping[DeclaredJobType, JobFacts] = {
    "command": JobFacts("a command job", "commandJob", "Command"),
    "sweep": JobFacts("a sweep job", "sweepJob", "Sweep"),
    "pipeline": JobFacts("a pipeline job", "pipelineJob", "Pipeline"),
    "parallel": JobFacts("a parallel job", "parallelJob", "Parallel"),
    "spark": JobFacts("a Spark job", "sparkJob", "Spark"),
    "automl": JobFacts("an AutoML job", "autoMLJob", "AutoML"),
}
