"""The table of jobs' kinds, held against azure-ai-ml."""

from __future__ import annotations

from runner.jobs.kinds import JOB_KINDS


def test_the_types_are_those_of_azure_ai_ml() -> None:
    from azure.ai.ml.constants._job.job import JobType

    known = {value for name, value in vars(JobType).items() if not name.startswith("_")}
    assert set(JOB_KINDS) <= known
