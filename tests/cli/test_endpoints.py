from __future__ import annotations

import json

from .conftest import Run, as_printed
from .memory import MemoryWorkspace


def test_list_marks_the_default_deployment(run: Run) -> None:
    lines = run("endpoints", "list").out.splitlines()
    assert lines[1].split("  ")[0] == "diabetes-batch"
    assert "mlflow (default), script" in lines[1]
    assert lines[2].split() == ["diabetes-online", "online", "blue"]


def test_list_as_json_is_the_records(run: Run, workspace: MemoryWorkspace) -> None:
    shown = json.loads(run("endpoints", "list", "-o", "json").out)
    assert shown == as_printed(workspace.endpoints())


def test_an_empty_list_says_so_on_stderr(run: Run, workspace: MemoryWorkspace) -> None:
    workspace._endpoints.clear()
    result = run("endpoints", "list")
    assert (result.status, result.out) == (0, "")
    assert "none is declared" in result.err


def test_show_has_a_line_for_each_deployment(run: Run) -> None:
    out = run("endpoints", "show", "diabetes-batch").out
    assert "default      mlflow\n" in out
    assert [line.split() for line in out.splitlines()[-2:]] == [
        ["mlflow", "diabetes:1", "mlflow", "yes"],
        ["script", "diabetes:1", "score.py"],
    ]


def test_show_of_an_online_endpoint_has_the_traffic(run: Run) -> None:
    out = run("endpoints", "show", "diabetes-online").out
    assert "scoring URI  https://scoring.example/score\n" in out
    assert out.splitlines()[-1].split() == ["blue", "diabetes:1", "mlflow", "100"]


def test_show_as_json_is_the_record(run: Run, workspace: MemoryWorkspace) -> None:
    shown = json.loads(run("endpoints", "show", "diabetes-batch", "-o", "json").out)
    assert shown["deployments"][0]["name"] == "mlflow"


def test_show_of_an_unknown_endpoint_is_status_3(run: Run) -> None:
    assert run("endpoints", "show", "unknown").status == 3
