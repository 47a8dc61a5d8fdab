"""Fixtures of the local workspace's tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import pytest

Together = Callable[[str, Sequence[Sequence[object]]], list[str]]

_START = """
import sys
print("ready", flush=True)
sys.stdin.readline()
work(*sys.argv[1:])
"""


@pytest.fixture
def together() -> Together:
    """Run `work(*arguments)` of a script in a process for each arguments, all at one moment.

    Returns what each of them printed; a process that fails fails the test.
    """

    def run(script: str, arguments: Sequence[Sequence[object]]) -> list[str]:
        with ExitStack() as stack:
            processes = [
                stack.enter_context(
                    subprocess.Popen(
                        [sys.executable, "-c", script + _START, *map(str, each)],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE,
                        text=True,
                    )
                )
                for each in arguments
            ]
            for process in processes:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
            for process in processes:
                assert process.stdin is not None
                process.stdin.write("\n")
                process.stdin.flush()
            outputs = [process.communicate(timeout=120) for process in processes]
            for process, (_, errors) in zip(processes, outputs, strict=True):
                assert process.returncode == 0, errors
        return [output for output, _ in outputs]

    return run
