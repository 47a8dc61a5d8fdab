"""Whole-process wall times of programs, run in turn so that both meet the same machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# What the harness's own environment must not lend to what it measures.
_FOREIGN = (
    "RUNNER_HOME",
    "RUNNER_ENV",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "PYTHONDONTWRITEBYTECODE",  # compiling every module anew is no part of anybody's figure
    "UV_PROJECT_ENVIRONMENT",
)


class ProgramFailed(Exception):
    """A program under measurement ended with an error: no figure can come of it."""


@dataclass(frozen=True)
class Program:
    """A command line to measure; `command` makes it, given an empty folder for its output."""

    name: str
    command: Callable[[Path], Sequence[str]]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One run of a program."""

    seconds: float
    stdout: str
    output: Path  # the folder the program was given


def environment_for(program: Program) -> dict[str, str]:
    """The environment variables a program is started with."""
    own = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    return {**own, **program.environment}


def run_once(program: Program, scratch: Path, cwd: Path = ROOT) -> Run:
    """Run a program in a new folder below `scratch`, which the caller removes.

    Raises `ProgramFailed` with the end of what the program wrote to its standard error.
    """
    output = Path(tempfile.mkdtemp(prefix="run-", dir=scratch))
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        started = time.perf_counter()
        status = subprocess.run(
            program.command(output),
            cwd=cwd,
            env=environment_for(program),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        ).returncode
        seconds = time.perf_counter() - started
        stdout.seek(0)
        stderr.seek(0)
        if status:
            raise ProgramFailed(f"{program.name}: exit status {status}\n{stderr.read()[-2000:]}")
        return Run(seconds, stdout.read(), output)


def time_in_turn(
    programs: Sequence[Program], rounds: int, scratch: Path
) -> dict[str, tuple[float, ...]]:
    """Time programs in turn, A B A B …: name → seconds of each round. Outputs are removed."""
    seconds: dict[str, list[float]] = {program.name: [] for program in programs}
    for _ in range(rounds):
        for program in programs:
            run = run_once(program, scratch)
            seconds[program.name].append(run.seconds)
            shutil.rmtree(run.output)
    return {name: tuple(values) for name, values in seconds.items()}
