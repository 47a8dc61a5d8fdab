"""The stored files that a job reads are checked here before it begins and before it is resumed."""

from __future__ import annotations

from pathlib import Path

from runner.engine.plan import Plan, read_plan
from runner.jobs.folder import model_folder
from runner.local.files import check, link_out
from runner.workspace import Job


def prepare_inputs(home: Path, job: Job, folder: Path) -> None:
    """Check the stored files that a job reads against their hashes, and lay out its script's model.

    Raises EnvironmentRefused for the first damaged file, and JobFailed for a damaged job folder.
    """
    if job.type != "batch":
        from runner.local.command_job import read_command

        paths = read_command(folder).inputs.values()
        if any(_tree_of(home, path) for path in paths):
            from runner.local.assets import references

            known = references(home)
            for path in paths:
                _check(home, path, known.get(_tree_of(home, path) or ""))
        return
    plan = read_plan(folder / "plan.json")
    _check(home, plan.input, job.input)
    if plan.model and not plan.script:
        _check(home, plan.model, job.model)
    elif plan.model and job.model:
        _lay_out(home, plan, job.model, model_folder(folder))


def _check(home: Path, path: str, reference: str | None) -> None:
    """Check the tree that a path lies in, if it lies in the store."""
    if tree := _tree_of(home, path):
        check(home, tree, reference or "the asset")


def _lay_out(home: Path, plan: Plan, reference: str, target: Path) -> None:
    there = list(target.glob("*"))
    if len(there) == 1 and plan.model and (tree := _tree_of(home, plan.model)):
        link_out(home, tree, there[0], reference)
        return
    from runner.local.assets import find  # slow to import, and seldom needed

    model = find(home, "model", reference)
    link_out(home, model.content_hash, target / model.base_name, reference)


def _tree_of(home: Path, path: str) -> str | None:
    trees = home / "trees"
    return Path(path).relative_to(trees).parts[0] if Path(path).is_relative_to(trees) else None
