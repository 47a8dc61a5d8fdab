"""What a job reads of the workspace's store, made ready before it begins and before it goes on."""

from __future__ import annotations

from pathlib import Path

from runner.engine.plan import read_plan
from runner.job_folder import model_folder
from runner.local import assets
from runner.local.files import check, link_out
from runner.workspace import Job


def ready_inputs(home: Path, job: Job, folder: Path) -> None:
    """Hold the files that a job reads of the store against their hashes, and lay out the model that
    its script is to find.

    Raises EnvironmentRefused with the first that is damaged, and JobFailed for a job whose folder
    is.
    """
    if job.type != "batch":
        from runner.local.command_job import read_command

        for path in read_command(folder).inputs.values():
            _check(home, path, None)
        return
    plan = read_plan(folder / "plan.json")
    _check(home, plan.input, job.input)
    if plan.model and not plan.script:
        _check(home, plan.model, job.model)
    elif job.model:
        model = assets.find(home, "model", job.model)
        link_out(home, model.content_hash, model_folder(folder) / model.base_name)


def _check(home: Path, path: str, reference: str | None) -> None:
    """Check what a path leads to, where it leads into the store."""
    trees = home / "trees"
    if Path(path).is_relative_to(trees):
        check(home, Path(path).relative_to(trees).parts[0], reference or "the asset")
