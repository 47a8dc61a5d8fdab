"""Times whole processes, run in turn so that each meets the same machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = "{output}"  # in a command: the folder of the run's output

# Variables of the benchmarks' own environment that would change what is measured.
_FOREIGN = (
    "RUNNER_HOME",
    "RUNNER_ENV",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "PYTHONDONTWRITEBYTECODE",  # compiling every module anew is no part of anybody's figure
    "UV_PROJECT_ENVIRONMENT",
)


class ProgramFailed(Exception):
    """A program under measurement failed, or did other work than its peer: there is no figure."""


@dataclass(frozen=True)
class Program:
    """A command line to measure, with additional environment variables for it."""

    name: str
    command: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)

    def words(self, output: Path) -> list[str]:
        """Return the command with the folder of its output in it."""
        return [word.replace(OUTPUT, str(output)) for word in self.command]

    @property
    def environment(self) -> dict[str, str]:
        """Return all environment variables that the program is started with."""
        own = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
        return {**own, **self.variables}


@dataclass(frozen=True)
class Run:
    """One run of a program."""

    seconds: float
    stdout: str
    output: Path  # the folder that the program was given


def run_once(program: Program, scratch: Path, cwd: Path = ROOT) -> Run:
    """Run a program with a new folder below `scratch` for its output.

    Raises ProgramFailed with the end of what the program wrote to stderr.
    """
    output = Path(tempfile.mkdtemp(prefix="run-", dir=scratch))
    started = time.perf_counter()
    done = subprocess.run(
        program.words(output),
        cwd=cwd,
        env=program.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - started
    check_status(program, done.returncode, done.stderr)
    return Run(seconds, done.stdout, output)


def check_status(program: Program, status: int, stderr: str) -> None:
    """Raise ProgramFailed for a program that ended with another status than 0."""
    if status:
        raise ProgramFailed(f"{program.name}: exit status {status}\n{stderr[-2000:]}")


def time_in_turn(
    programs: Sequence[Program], rounds: int, scratch: Path
) -> dict[str, tuple[float, ...]]:
    """Return the seconds of each round by name; the programs run in turn, A B A B …"""
    seconds: dict[str, list[float]] = {program.name: [] for program in programs}
    for _ in range(rounds):
        for program in programs:
            run = run_once(program, scratch)
            seconds[program.name].append(run.seconds)
            shutil.rmtree(run.output)
    return {name: tuple(values) for name, values in seconds.items()}
