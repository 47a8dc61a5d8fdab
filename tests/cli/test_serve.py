"""`runner serve`: what it asks of the workspace, and what goes where."""

from __future__ import annotations

import pytest

from runner.workspace import Serving

from .conftest import Run
from .memory import MemoryWorkspace


def test_the_uri_goes_to_stdout_and_the_rest_to_stderr(
    run: Run, workspace: MemoryWorkspace
) -> None:
    result = run("serve", "diabetes-online")
    assert workspace.served == [("diabetes-online", Serving())]
    assert (result.status, result.out) == (0, "http://127.0.0.1:5001/score\n")
    assert result.err == "key: /home/key\n"


def test_options_reach_the_workspace(run: Run, workspace: MemoryWorkspace) -> None:
    run("serve", "diabetes-online", "--host", "::1", "--port", "0", "--container-status", "-v")
    assert workspace.served == [("diabetes-online", Serving("::1", 0, True, True))]


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_is_none_is_wrong_usage(run: Run, port: str) -> None:
    assert run("serve", "diabetes-online", "--port", port).status == 2


def test_only_this_machine_serves(run: Run, workspace: MemoryWorkspace) -> None:
    result = run("serve", "diabetes-online", "--env", "dev")
    assert result.status == 2
    assert "not in environment dev" in result.err
    assert "`runner invoke diabetes-online FILE --env dev`" in result.err
    assert result.err.count("\n") == 1
    assert workspace.served == []
