"""Examines the links between a person and an environment, for `runner env doctor`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from runner.errors import EnvironmentRefused, RunnerError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Link:
    """One link of the chain that leads to an environment's endpoints."""

    name: str
    state: Literal["ok", "failed", "skipped"]
    text: str  # what was found; of a broken link, what to do about it


def tried(name: str, look: Callable[[], str]) -> Link:
    """Return the link that `look` finds: what it says, or the error that it raises."""
    try:
        return Link(name, "ok", look())
    except RunnerError as error:
        return Link(name, "failed", str(error))


def until_broken(
    links: Iterable[Link], names: Sequence[str], needed: Sequence[str]
) -> Iterator[Link]:
    """Yield the links as they are examined; behind a broken, needed one the rest is skipped.

    `names` are those of all links, in their order.
    """
    for link in links:
        yield link
        if link.state == "failed" and link.name in needed:
            for name in names[names.index(link.name) + 1 :]:
                yield Link(name, "skipped", f"{link.name} comes first")
            return


def pulumi_link(source: str, file: Path) -> Link:
    """Return whether Pulumi's command line is there, where it is what describes the environment.

    `source` is the kind of `runner.project.Source` that leads there.
    """
    if source != "stack":
        return Link("pulumi", "skipped", f"not needed: {file} says where the workspace is")
    return tried("pulumi", lambda: _pulumi_version(file))


def _pulumi_version(file: Path) -> str:
    import subprocess

    from runner.stacks.pulumi_cli import find_cli

    command = find_cli(file.parent)
    asked = subprocess.run([command, "version"], capture_output=True, text=True, check=False)
    if asked.returncode:
        raise EnvironmentRefused(f"{command} version ends with {asked.returncode}")
    return f"{asked.stdout.strip()} at {command}"
