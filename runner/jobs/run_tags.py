"""Makes the tags of the MLflow run of a declared job, wherever it runs."""

from __future__ import annotations

from pathlib import Path

from runner.commit import checkout_of
from runner.declarations import ProgramJob


def usual_experiment() -> str:
    """Return the experiment of a job that names none: azure-ai-ml's, the current folder's name."""
    return Path.cwd().stem.replace(" ", "") or "Default"


def git_tags(folder: Path) -> dict[str, str]:
    """Return the state of code in git, as the tags that azure-ai-ml gives a job."""
    checkout = checkout_of(folder)
    if checkout is None:
        return {}
    known = {
        "mlflow.source.git.commit": checkout.commit,
        "mlflow.source.git.branch": checkout.branch,
        "mlflow.source.git.repoURL": checkout.repository,
        "azureml.git.dirty": str(checkout.dirty),
    }
    return {key: value for key, value in known.items() if value}


def run_tags(job: ProgramJob) -> dict[str, str]:
    """Return the tags of a job's run: where its code stands in git, and what is declared."""
    note = {"mlflow.note.content": job.description} if job.description else {}
    code = job.code if isinstance(job.code, Path) else job.file.parent
    return {
        "mlflow.source.name": str(job.file),
        "mlflow.source.type": "LOCAL",
        **note,
        **git_tags(code if code.is_dir() else code.parent),
        **job.properties,
        **job.tags,
    }
