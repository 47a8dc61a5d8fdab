"""A shell lives on from block to block, and ends where a command fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.walks.shell import Shell, Stumbled


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with Shell.open(tmp_path, {"PATH": os.environ["PATH"]}) as opened:
        yield opened


def test_variables_functions_and_what_runs_aside_live_on(shell: Shell) -> None:
    shell.run("NAME='a \"b\"'\ngreet() { echo hello $1; }\n(sleep 0.05; echo aside) > file &")
    assert shell.run('greet "$NAME"; wait; cat file') == 'hello a "b"\naside\n'


@pytest.mark.parametrize("printed", ["", "a", "a\n", "a\n\n"])
def test_what_is_printed_comes_back_as_it_is(shell: Shell, printed: str) -> None:
    assert shell.run(f"printf '{printed}'") == printed


def test_nobody_types_anything(shell: Shell) -> None:
    assert shell.run("cat; read answer || echo nothing") == "nothing\n"


@pytest.mark.parametrize("commands", ["false", "false | true", "echo $NOWHERE", "false\ntrue", "("])
def test_a_command_that_fails_is_the_last(shell: Shell, commands: str) -> None:
    with pytest.raises(Stumbled, match="ended with"):
        shell.run(commands)
    with pytest.raises(Stumbled, match="ended with"):
        shell.run("true")


def test_what_takes_too_long_is_ended(shell: Shell) -> None:
    with pytest.raises(Stumbled, match="took too long"):
        shell.run("echo begun; cat /dev/zero > /dev/null", seconds=0.2)
