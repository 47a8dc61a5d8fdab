"""The steps of a pipeline on a pull request, each in a job of its own: `python -m` this package.

    find CHANGES --repository PATH --base COMMIT --head COMMIT
    fetch CHANGES MODELS
    compare CHANGES MODELS REPORTS
    comment CHANGES MODELS REPORTS FILE

`find` reads git, `fetch` signs in and loads no model, `compare` runs models in the current folder
and can reach nothing, `comment` reads what that left as data and needs no package.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from runner.errors import RunnerError


def parser() -> ArgumentParser:
    """Return what reads the command line."""
    made = ArgumentParser(prog="python -m runner.pull_request", description=__doc__)
    steps = made.add_subparsers(required=True)
    for step, folders in (
        (_find, ("changes",)),
        (_fetch, ("changes", "models")),
        (_compare, ("changes", "models", "reports")),
        (_comment, ("changes", "models", "reports", "file")),
    ):
        found = steps.add_parser(step.__name__.removeprefix("_"))
        found.set_defaults(step=step)
        for folder in folders:
            found.add_argument(folder, type=Path)
        if step is _find:
            found.add_argument("--repository", type=Path, default=Path())
            found.add_argument("--base", required=True)
            found.add_argument("--head", required=True)
    return made


def main(words: Sequence[str] | None = None) -> int:
    """Do one of the steps."""
    asked = parser().parse_args(words)
    try:
        asked.step(asked)
    except RunnerError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    return 0


def _find(asked: Namespace) -> None:
    """Print, as outputs of a job, whether anything has changed and whether a pin has."""
    from runner.pull_request.finding import find_changes

    found = find_changes(asked.repository, asked.base, asked.head, asked.changes)
    pins = any(change.environment and change.old and change.new for change in found.changes)
    print(f"any={str(bool(found.changes)).lower()}")
    print(f"pins={str(pins).lower()}")


def _fetch(asked: Namespace) -> None:
    from runner.environments import open_workspace
    from runner.project import environments, find_project
    from runner.pull_request.changes import read_changes
    from runner.pull_request.fetching import fetch_versions

    # Those of this checkout: a pull request's own stack files say nothing about where to sign in.
    known = environments(find_project())
    fetch_versions(read_changes(asked.changes), asked.models, known, open_workspace)


def _compare(asked: Namespace) -> None:
    from runner.pull_request.changes import read_changes, read_fetched
    from runner.pull_request.comparing import compare_versions

    folder, models = asked.changes.absolute(), asked.models.absolute()
    changes, fetched = read_changes(folder), read_fetched(models)
    compare_versions(changes, fetched, folder, models, asked.reports, Path.cwd())


def _comment(asked: Namespace) -> None:
    from runner.pull_request.changes import read_changes, read_fetched
    from runner.pull_request.comment import NOTHING, to_comment

    changes, fetched = read_changes(asked.changes), read_fetched(asked.models)
    text = to_comment(changes, fetched, asked.changes, asked.models, asked.reports)
    asked.file.write_text(text or NOTHING)


if __name__ == "__main__":
    sys.exit(main())
